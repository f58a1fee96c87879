"""Counts HTTP requests, and tells of refused ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from makespan_collector.access.http import CLIENT_KEY, TOKEN_ID_KEY
from makespan_collector.operation.logs import RefusalLog
from makespan_collector.operation.metrics import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_OTHER = "other"
"""The endpoint of paths with parts that vary, and of paths nobody serves."""
_FIRST_ERROR = 400


class ObservedApplication:
    """A WSGI application that observes the one it wraps.

    Args:
        wrapped: The application.
        endpoints: Its paths without parts that vary, which are told apart.
        metrics: Counts every request.
        refusals: Told of errors.
    """

    def __init__(
        self, wrapped: WSGIApplication, endpoints: Collection[str], metrics: Metrics, refusals: RefusalLog
    ) -> None:
        self._wrapped = wrapped
        self._endpoints = frozenset(endpoints)
        self._metrics = metrics
        self._refusals = refusals

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See PEP 3333."""
        started_s = time.perf_counter()
        status = "500"

        def start(given_status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            nonlocal status
            status = given_status[:3]
            return start_response(given_status, headers, *error)

        try:
            return self._wrapped(environ, start)
        finally:
            path = environ["PATH_INFO"]
            endpoint = path if path in self._endpoints else _OTHER
            self._metrics.count_request(endpoint, status, time.perf_counter() - started_s)
            if int(status) >= _FIRST_ERROR:
                client = environ.get(CLIENT_KEY) or environ.get("REMOTE_ADDR") or ""
                self._refusals.refused(endpoint, status, client, environ.get(TOKEN_ID_KEY))
