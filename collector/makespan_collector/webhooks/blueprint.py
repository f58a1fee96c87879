"""`POST /webhooks/github` and `POST /webhooks/gitlab`.

An event is answered 202 only when its rows are on the disk. What is not a run or a job is answered 202 as well:
GitLab switches a webhook off that keeps failing.
"""

from __future__ import annotations

import json
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from flask import Blueprint, Response, jsonify, request

from makespan_collector.providers.payload import Payload, PayloadError, payload_of
from makespan_collector.receiving.body import read_bounded
from makespan_collector.receiving.limits import Limits
from makespan_collector.store.contract import Store
from makespan_collector.store.rows import SpanRow
from makespan_collector.webhooks import github, gitlab
from makespan_collector.webhooks.deliveries import Deliveries
from makespan_collector.webhooks.secrets import GITHUB_VARIABLE, GITLAB_VARIABLE, WebhookSecrets
from makespan_collector.webhooks.signatures import is_gitlab_token, is_signed_by_github, is_signed_by_gitlab
from makespan_model.errors import UnavailableError

_RETRY_AFTER_S = 5
_log = logging.getLogger(__name__)


def webhooks_blueprint(
    store: Store,
    secrets: WebhookSecrets,
    *,
    limits: Limits | None = None,
    clock_ns: Callable[[], int] = time.time_ns,
) -> Blueprint:
    """The two endpoints.

    Args:
        store: Open for writing.
        secrets: Without one of a provider its endpoint answers 403.
        limits: Of the receivers; the defaults when None.
        clock_ns: Unix time.
    """
    limits = limits or Limits()
    blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")
    for name, endpoint in (
        ("github", _GitHub(store, secrets, limits, clock_ns)),
        ("gitlab", _GitLab(store, secrets, limits, clock_ns)),
    ):
        blueprint.add_url_rule(f"/{name}", name, endpoint, methods=["POST"])
    blueprint.register_error_handler(UnavailableError, _unavailable)
    return blueprint


class _Endpoint(ABC):
    """What the providers' endpoints share."""

    variable = ""

    def __init__(self, store: Store, secrets: WebhookSecrets, limits: Limits, clock_ns: Callable[[], int]) -> None:
        self._store = store
        self._secrets = secrets
        self._limits = limits
        self._clock_ns = clock_ns
        self._deliveries = Deliveries()
        self._has_told = False
        self.__name__ = type(self).__name__

    def __call__(self) -> tuple[Response, int]:
        if not self._is_configured():
            self._tell_once()
            return _refusal(HTTPStatus.FORBIDDEN, f"webhooks are off: {self.variable} is not set here")
        body = read_bounded(request.stream, self._limits.max_body_bytes)
        if not self._is_authentic(body):
            return _refusal(HTTPStatus.UNAUTHORIZED, "the signature or token does not fit")
        delivery = self._delivery()
        if self._deliveries.has(delivery):
            return _accepted(0, "this delivery was kept before")
        try:
            rows = self._rows(_payload(body))
        except PayloadError as error:
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        if rows is None:
            return _accepted(0, "this event says nothing of runs or jobs")
        if rows:
            self._store.append(spans=rows)
        self._deliveries.add(delivery)
        return _accepted(len(rows))

    @abstractmethod
    def _is_configured(self) -> bool:
        """Whether there is a secret to check events with."""

    @abstractmethod
    def _is_authentic(self, body: bytes) -> bool:
        """Whether the provider sent this."""

    @abstractmethod
    def _delivery(self) -> str:
        """The provider's id of this delivery; empty where it gives none."""

    @abstractmethod
    def _rows(self, payload: Payload) -> list[SpanRow] | None:
        """What the event says of runs and jobs; None for an event of something else."""

    def _tell_once(self) -> None:
        if not self._has_told:
            self._has_told = True
            _log.warning("a webhook came, but %s is not set: it is refused, as will be all others", self.variable)


class _GitHub(_Endpoint):
    variable = GITHUB_VARIABLE

    def _is_configured(self) -> bool:
        return bool(self._secrets.github)

    def _is_authentic(self, body: bytes) -> bool:
        return is_signed_by_github(body, _header("X-Hub-Signature-256"), self._secrets.github)

    def _delivery(self) -> str:
        return _header("X-GitHub-Delivery")

    def _rows(self, payload: Payload) -> list[SpanRow] | None:
        return github.event_rows(_header("X-GitHub-Event"), payload, heard_ns=self._clock_ns())


class _GitLab(_Endpoint):
    variable = GITLAB_VARIABLE

    def _is_configured(self) -> bool:
        return bool(self._secrets.gitlab or self._secrets.gitlab_signing)

    def _is_authentic(self, body: bytes) -> bool:
        if is_gitlab_token(_header("X-Gitlab-Token"), self._secrets.gitlab):
            return True
        return is_signed_by_gitlab(
            body,
            _header("webhook-id"),
            _header("webhook-timestamp"),
            _header("webhook-signature"),
            self._secrets.gitlab_signing,
            now_s=self._clock_ns() / 1e9,
        )

    def _delivery(self) -> str:
        return _header("Idempotency-Key")

    def _rows(self, payload: Payload) -> list[SpanRow] | None:
        return gitlab.event_rows(payload, heard_ns=self._clock_ns())


def _header(name: str) -> str:
    return request.headers.get(name, "")


def _payload(body: bytes) -> Payload:
    """The JSON of a request; GitHub can also send it as the field `payload` of a form."""
    place = "the event"
    try:
        if request.mimetype == "application/x-www-form-urlencoded":
            body = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=10)["payload"][0].encode()
        content: Any = json.loads(body)
    except (ValueError, KeyError, RecursionError) as error:
        raise PayloadError(f"{place} is not JSON: {error}") from error
    return payload_of(content, place)


def _accepted(kept: int, reason: str | None = None) -> tuple[Response, int]:
    return jsonify(kept=kept) if reason is None else jsonify(kept=kept, reason=reason), HTTPStatus.ACCEPTED


def _refusal(status: HTTPStatus, message: str) -> tuple[Response, int]:
    return jsonify(error=message), status


def _unavailable(error: UnavailableError) -> tuple[Response, int, dict[str, str]]:
    return jsonify(error=str(error)), HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(_RETRY_AFTER_S)}
