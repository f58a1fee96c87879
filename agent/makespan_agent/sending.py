"""Handing spans and metrics to the OTLP/HTTP exporters, and learning what became of them.

The exporters answer only "success" or "failure". Their HTTP session is ours, so the status code that
tells a broken record from a broken network is seen as well.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import requests
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.trace.export import SpanExportResult

from makespan_agent.evidence_spans import evidence_batches
from makespan_agent.otlp import metrics_of, span_of
from makespan_agent.step_record import StepRecord

PROTOCOL = "http/protobuf"
_Response = ExportTraceServiceResponse | ExportMetricsServiceResponse
DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
_BAD_DATA = frozenset({400, 413, 422})
"""Answers that blame the payload (OTLP specification 1.5, "Failures"). Others of the 4xx (401, 404) blame the
configuration: the records are kept until it is right."""
_PASSING = frozenset({429, 502, 503, 504})
"""Answers after which the same request may well succeed (same section, "Retryable Response Codes")."""


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
        rejected_spans: How many of the spans a receiver that took the request did not keep.
        retryable: Whether a batch that was kept may well be taken in a moment.
        retry_after_s: When the receiver asked to be tried again; None when it did not say.
    """

    outcome: Outcome
    reason: str = ""
    samples_refused: bool = False
    rejected_spans: int = 0
    retryable: bool = False
    retry_after_s: float | None = None


class _ListeningSession(requests.Session):
    """Remembers how the last request went."""

    def __init__(self) -> None:
        super().__init__()
        self.status: int | None = None
        self.reason = ""
        self.body = b""
        self.retry_after = ""

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> dict[str, Any]:
        """Let OTEL_EXPORTER_OTLP_CERTIFICATE win over REQUESTS_CA_BUNDLE, which requests itself would prefer."""
        settings = dict(super().merge_environment_settings(url, proxies, stream, verify, cert))
        if isinstance(self.verify, str):
            settings["verify"] = self.verify
        return settings

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
        self.status, self.body, self.retry_after = None, b"", ""
        try:
            response = super().send(request, **options)
        except OSError as error:  # Of requests, or of a certificate file that is not there.
            self.reason = _network_reason(error)
            raise
        self.status = response.status_code
        self.reason = f"HTTP {response.status_code}"
        self.body = response.content
        self.retry_after = response.headers.get("Retry-After", "")
        return response

    def kept(self) -> Delivery:
        """The delivery of a request that may be sent again."""
        retryable = self.status is None or self.status in _PASSING
        return Delivery(
            Outcome.KEPT, self.reason, retryable=retryable, retry_after_s=retry_after_s(self.retry_after, time.time())
        )


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
        self._unspoken = _unspoken_protocol(variables)
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
        if self._unspoken:
            return Delivery(Outcome.KEPT, self._unspoken)
        session = self._trace_session
        if self._spans.export([span_of(record) for record in records]) is not SpanExportResult.SUCCESS:
            return Delivery(Outcome.REJECTED, session.reason) if session.status in _BAD_DATA else session.kept()
        rejected_spans, reason = _partial_success(session.body, ExportTraceServiceResponse)
        evidence = self._send_evidence(records)
        if evidence.outcome is Outcome.KEPT and not rejected_spans:
            return evidence
        reason = "; ".join(filter(None, (reason, evidence.reason)))
        metrics = metrics_of(records) if self._metrics else None
        if self._metrics is None or metrics is None:
            return Delivery(Outcome.SENT, reason, rejected_spans=rejected_spans)
        session = self._metric_session
        if self._metrics.export(metrics) is MetricExportResult.SUCCESS:
            _, refusal = _partial_success(session.body, ExportMetricsServiceResponse)
        elif session.status is not None and 400 <= session.status < 500 and session.status != 429:
            # The spans are there; a receiver that takes no metrics must not hold them back for ever.
            refusal = session.reason
        elif rejected_spans:
            # What was rejected must not be sent again for the sake of its samples.
            refusal = session.reason
        else:
            return session.kept()
        reasons = [reason] if reason else []
        reasons += [f"samples refused: {refusal}"] if refusal else []
        return Delivery(Outcome.SENT, "; ".join(reasons), samples_refused=bool(refusal), rejected_spans=rejected_spans)

    def _send_evidence(self, records: Sequence[StepRecord]) -> Delivery:
        """Send what hangs below the steps; a receiver that refuses it for good does not hold the steps back."""
        refusals: dict[str, None] = {}
        session = self._trace_session
        for batch in evidence_batches(records):
            if self._spans.export(batch) is SpanExportResult.SUCCESS:
                _, refusal = _partial_success(session.body, ExportTraceServiceResponse)
            elif session.status in _BAD_DATA:
                refusal = session.reason
            else:
                return session.kept()
            if refusal:
                refusals[f"tests and files refused: {refusal}"] = None
        return Delivery(Outcome.SENT, "; ".join(refusals))

    def close(self) -> None:
        """Close the connections."""
        self._spans.shutdown()  # type: ignore[no-untyped-call]
        if self._metrics is not None:
            self._metrics.shutdown()


def _unspoken_protocol(variables: Mapping[str, str]) -> str:
    """What to say of a protocol that was asked for and is not spoken; empty when all is well."""
    for name in ("TRACES_PROTOCOL", "METRICS_PROTOCOL", "PROTOCOL"):
        variable = f"OTEL_EXPORTER_OTLP_{name}"
        protocol = variables.get(variable, "").strip()
        if protocol and protocol != PROTOCOL:
            return f"{variable}={protocol} is not spoken, only {PROTOCOL} is; most receivers take it on port 4318"
    return ""


def retry_after_s(text: str, now_s: float) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, section 10.2.3); None when it says nothing usable.

    Args:
        text: The header's value: seconds or an HTTP date.
        now_s: Unix time.
    """
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
    except ValueError:
        return None


def _partial_success(body: bytes, kind: Callable[[], _Response]) -> tuple[int, str]:
    """How much a receiver that answered 200 did not keep, and what it says about it."""
    response = kind()
    try:
        response.ParseFromString(body)
    except DecodeError:
        return 0, ""  # A proxy's page, or JSON: the status code has said enough.
    partial = response.partial_success
    count = int(getattr(partial, "rejected_spans", 0) or getattr(partial, "rejected_data_points", 0))
    message = partial.error_message or "no reason given"
    return count, f"rejected {count} by partial success: {message}" if count else partial.error_message


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


def _network_reason(error: OSError) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS: {_innermost(error)}"
    if not isinstance(error, requests.RequestException):
        return str(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return (cause.strerror or os.strerror(cause.errno)).lower()
        reason = getattr(cause.args[0], "reason", None) if cause.args else None
        cause = reason if isinstance(reason, BaseException) else cause.__cause__ or cause.__context__
    return type(error).__name__


def _innermost(error: BaseException) -> str:
    """The last cause's own words: `certificate verify failed: unable to get local issuer certificate`."""
    cause = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    message = str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or cause)
    return message.lower().replace("_", " ")
