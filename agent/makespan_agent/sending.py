"""Handing spans and metrics to the OTLP/HTTP exporters, and learning what became of them.

The exporters answer only "success" or "failure". Their HTTP session is ours, so the status code that
tells a broken record from a broken network is seen as well.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.trace.export import SpanExportResult

from makespan_agent.otlp import metrics_of, span_of
from makespan_agent.step_record import StepRecord

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
_BAD_DATA = frozenset({400, 413, 422})
"""Answers that blame the payload (OTLP specification 1.5, "Failures"). Others of the 4xx (401, 404) blame the
configuration: the records are kept until it is right."""


class Outcome(Enum):
    """What became of a batch."""

    SENT = "sent"
    REJECTED = "rejected"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a batch, and why.

    Attributes:
        reason: Empty when all went well; else what the server or the network said.
        samples_refused: Whether the spans arrived and the metrics were refused for good.
    """

    outcome: Outcome
    reason: str = ""
    samples_refused: bool = False


class _ListeningSession(requests.Session):
    """Remembers how the last request went."""

    def __init__(self) -> None:
        super().__init__()
        self.status: int | None = None
        self.reason = ""

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
        self.status = None
        try:
            response = super().send(request, **options)
        except requests.RequestException as error:
            self.reason = _network_reason(error)
            raise
        self.status = response.status_code
        self.reason = f"HTTP {response.status_code}"
        return response


class Sender:
    """Sends step records to one OTLP/HTTP receiver.

    Args:
        endpoint: Base URL; None takes OTEL_EXPORTER_OTLP_*, MAKESPAN_ENDPOINT or the default, in this order.
        timeout_s: For each request, its retries included; None takes OTEL_EXPORTER_OTLP_TIMEOUT or 10 s.
        environment: Where the variables are read; the exporters themselves read the process's own.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        timeout_s: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        # Failures are reported by outcome; the exporters' own log lines would be a second voice.
        logging.getLogger("opentelemetry.exporter.otlp").setLevel(logging.CRITICAL)
        variables = os.environ if environment is None else environment
        self.endpoint = endpoint or _endpoint(variables)
        self._trace_session, self._metric_session = _ListeningSession(), _ListeningSession()
        self._spans = OTLPSpanExporter(
            endpoint=_signal_url(endpoint, variables, "TRACES"), timeout=timeout_s, session=self._trace_session
        )
        self._metrics: OTLPMetricExporter | None = None
        # The standard way to say that a backend takes traces only.
        if variables.get("OTEL_METRICS_EXPORTER") != "none":
            self._metrics = OTLPMetricExporter(
                endpoint=_signal_url(endpoint, variables, "METRICS"), timeout=timeout_s, session=self._metric_session
            )

    def send(self, records: Sequence[StepRecord]) -> Delivery:
        """Send the spans of all records, then their samples."""
        if self._spans.export([span_of(record) for record in records]) is not SpanExportResult.SUCCESS:
            session = self._trace_session
            outcome = Outcome.REJECTED if session.status in _BAD_DATA else Outcome.KEPT
            return Delivery(outcome, session.reason)
        metrics = metrics_of(records) if self._metrics else None
        if self._metrics is None or metrics is None:
            return Delivery(Outcome.SENT)
        if self._metrics.export(metrics) is MetricExportResult.SUCCESS:
            return Delivery(Outcome.SENT)
        session = self._metric_session
        if session.status is not None and 400 <= session.status < 500 and session.status != 429:
            # The spans are there; a receiver that takes no metrics must not hold them back for ever.
            return Delivery(Outcome.SENT, f"samples refused: {session.reason}", samples_refused=True)
        return Delivery(Outcome.KEPT, session.reason)

    def close(self) -> None:
        """Close the connections."""
        self._spans.shutdown()  # type: ignore[no-untyped-call]
        if self._metrics is not None:
            self._metrics.shutdown()


def _endpoint(variables: Mapping[str, str]) -> str:
    return (
        variables.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        or variables.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        or variables.get("MAKESPAN_ENDPOINT")
        or DEFAULT_ENDPOINT
    )


def _signal_url(endpoint: str | None, variables: Mapping[str, str], signal: str) -> str | None:
    """The URL to post to; None lets the exporter take the OTEL_* variables."""
    if endpoint is None:
        if variables.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or variables.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
            return None
        endpoint = variables.get("MAKESPAN_ENDPOINT") or DEFAULT_ENDPOINT
    return f"{endpoint.rstrip('/')}/v1/{signal.lower()}"


def _network_reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return (cause.strerror or os.strerror(cause.errno)).lower()
        reason = getattr(cause.args[0], "reason", None) if cause.args else None
        cause = reason if isinstance(reason, BaseException) else cause.__cause__ or cause.__context__
    return type(error).__name__
