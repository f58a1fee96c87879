"""Handing spans and samples to an OTLP receiver, and learning what became of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from makespan_agent.exporting.evidence_spans import evidence_batches
from makespan_agent.exporting.otlp import metrics_of, span_of
from makespan_agent.exporting.otlp_settings import Protocol, Signal, SignalSettings, place, signal_settings
from makespan_agent.exporting.step_record import StepRecord
from makespan_agent.exporting.transport import Answer, ExportRequest, Transport, Verdict, post_until_taken
from makespan_model.errors import MakespanError, UnavailableError

_SAMPLES = 1500
"""Samples a request: at 1.3 KB each (11 gauges) 2 MB of protobuf, half of what gRPC receivers take by default."""


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


class Sender:
    """Sends step records to one OTLP receiver.

    Settings that cannot be understood, and a package that is missing, keep all records; `send` says why.

    Args:
        endpoint: Base URL; None takes OTEL_EXPORTER_OTLP_*, MAKESPAN_ENDPOINT or the default, in this order.
        timeout_s: For each request, its retries included; None takes OTEL_EXPORTER_OTLP_TIMEOUT or 10 s.
        environment: Where the variables are read; None takes the process's own.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        timeout_s: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        variables = os.environ if environment is None else environment
        self.endpoint, _ = place(Signal.TRACES, Protocol.HTTP_PROTOBUF, variables, endpoint)
        self._problem = ""
        self._traces: _Way | None = None
        self._metrics: _Way | None = None
        try:
            settings = signal_settings(Signal.TRACES, variables, endpoint, timeout_s)
            self.endpoint = settings.base
            self._traces = _Way(settings)
            # The standard way to say that a backend takes traces only.
            if variables.get("OTEL_METRICS_EXPORTER") != "none":
                self._metrics = _Way(signal_settings(Signal.METRICS, variables, endpoint, timeout_s))
        except MakespanError as error:
            self._problem = str(error)

    def send(self, records: Sequence[StepRecord]) -> Delivery:
        """Send the spans of all records, then their samples."""
        if self._problem or self._traces is None:
            return Delivery(Outcome.KEPT, self._problem)
        spans = self._traces.post_spans([span_of(record) for record in records])
        if spans.verdict is Verdict.BAD_DATA:
            return Delivery(Outcome.REJECTED, spans.reason)
        if spans.verdict is not Verdict.TAKEN:
            return _kept(spans)
        evidence = self._send_evidence(self._traces, records)
        if evidence.outcome is Outcome.KEPT and not spans.rejected:
            return evidence
        samples = self._send_samples(records, must_end=spans.rejected > 0)
        if samples.outcome is Outcome.KEPT:
            return samples
        return replace(
            samples,
            reason="; ".join(filter(None, (spans.reason, evidence.reason, samples.reason))),
            rejected_spans=spans.rejected,
        )

    def close(self) -> None:
        """Close the connections."""
        for way in (self._traces, self._metrics):
            if way is not None:
                way.close()

    @staticmethod
    def _send_evidence(traces: _Way, records: Sequence[StepRecord]) -> Delivery:
        """Send what hangs below the steps; a receiver that refuses it for good does not hold the steps back."""
        refusals: dict[str, None] = {}
        for batch in evidence_batches(records):
            answer = traces.post_spans(batch)
            if answer.verdict not in (Verdict.TAKEN, Verdict.BAD_DATA):
                return _kept(answer)
            if answer.reason:
                refusals[f"tests and files refused: {answer.reason}"] = None
        return Delivery(Outcome.SENT, "; ".join(refusals))

    def _send_samples(self, records: Sequence[StepRecord], *, must_end: bool) -> Delivery:
        """Send the samples of steps that have arrived.

        A receiver that takes no metrics must not hold the steps back for ever. And where some of their spans were
        rejected (`must_end`), they must not be sent again for the sake of their samples.
        """
        refusals: dict[str, None] = {}
        for batch in _sample_batches(records) if self._metrics else ():
            metrics = metrics_of(batch)
            if self._metrics is None or metrics is None:
                continue
            answer = self._metrics.post(encode_metrics(metrics))
            if answer.verdict in (Verdict.BROKEN, Verdict.PASSING) and not must_end:
                return _kept(answer)
            if answer.reason:
                refusals[f"samples refused: {answer.reason}"] = None
        return Delivery(Outcome.SENT, "; ".join(refusals), samples_refused=bool(refusals))


class _Way:
    """The transport of one signal, and how long it may take."""

    def __init__(self, settings: SignalSettings) -> None:
        self._transport = _transport(settings)
        self._timeout_s = settings.timeout_s

    def post(self, request: ExportRequest) -> Answer:
        return post_until_taken(self._transport, request, self._timeout_s)

    def post_spans(self, spans: Sequence[ReadableSpan]) -> Answer:
        return self.post(encode_spans(spans))

    def close(self) -> None:
        self._transport.close()


def _sample_batches(records: Sequence[StepRecord]) -> Iterator[list[StepRecord]]:
    """Steps whose samples together make a request of bounded size; the samples of one step stay together."""
    batch: list[StepRecord] = []
    samples = 0
    for record in records:
        if batch and samples + len(record.samples) > _SAMPLES:
            yield batch
            batch, samples = [], 0
        batch.append(record)
        samples += len(record.samples)
    if batch:
        yield batch


def _transport(settings: SignalSettings) -> Transport:
    """Raises UnavailableError without grpcio; it is loaded (30 ms, 14 MB) only where it is asked for."""
    if settings.protocol is not Protocol.GRPC:
        from makespan_agent.exporting.http_transport import HttpTransport

        return HttpTransport(settings)
    try:
        from makespan_agent.exporting.grpc_transport import GrpcTransport
    except ImportError as error:
        raise UnavailableError(
            f"OTLP over gRPC needs a package that is not installed ({error.name}): pip install 'makespan[grpc]'"
        ) from error
    return GrpcTransport(settings)


def _kept(answer: Answer) -> Delivery:
    """The delivery of a request that may be sent again."""
    return Delivery(
        Outcome.KEPT,
        answer.reason,
        retryable=answer.verdict is Verdict.PASSING,
        retry_after_s=answer.retry_after_s,
    )
