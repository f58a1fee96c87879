"""The three OTLP signals: how a request of each is decoded and answered, over any transport."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from makespan_collector.access.tokens import Grant
from makespan_collector.otlp.emitters.trees import finish_traces
from makespan_collector.otlp.json_messages import parse_json
from makespan_collector.otlp.logs import decode_logs
from makespan_collector.otlp.metrics import decode_metrics, number_of_points
from makespan_collector.otlp.sample_columns import DecodedSampleColumns, decode_sample_columns
from makespan_collector.otlp.span_columns import decode_span_columns
from makespan_collector.otlp.traces import decode_traces
from makespan_collector.store.contract import Store
from makespan_collector.store.schema import Samples, Spans

COLUMNS_FROM_SPANS = 64
"""A request of fewer spans is decoded faster row by row: the columns cost 2 ms however few spans there are."""


class NothingKeptError(ValueError):
    """A request of spans none of which can be kept: bad data, which OTLP 1.5 answers with an error ("Bad Data").

    A partial success would be lost on the senders that do not look into a good answer, such as Python's SDK.

    Attributes:
        count: How many they are.
    """

    def __init__(self, count: int, reason: str) -> None:
        super().__init__(f"none of the {count} spans can be kept: {reason}")
        self.count = count


_MAX_ITEMS = 131_072
"""Spans, points or records of a request, with the resources and scopes around them and the attributes of those.

An order above what the Collector sends at once (8,192). Without it a few hundred compressed kilobytes could be
millions of empty spans, each to be refused for a reason of its own.
"""

_SAMPLE_COLUMNS_FROM_BYTES = 8192
"""A smaller metrics request, some five instants of a step, is decoded as fast point by point."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a request held: what to keep, how many items were rejected, and why the first was.

    Attributes:
        foreign_traces: Traces of other emitters than the agent, to be looked at once this is kept.
        sample_repositories: Whose sample each is, where `samples` is a batch, whose columns do not say it.
    """

    spans: Spans = ()
    samples: Samples = ()
    rejected: int = 0
    reason: str = ""
    foreign_traces: frozenset[str] = frozenset()
    sample_repositories: pa.Array | None = None

    def keep(self, store: Store) -> None:
        """Append it; returns when it would survive a crash.

        Raises:
            UnavailableError: It may not be kept; the sender is to try again.
        """
        store.append(spans=self.spans, samples=self.samples)
        finish_traces(store, self.foreign_traces)

    def covered_by(self, grant: Grant) -> Contents:
        """What of it belongs to the projects of a grant."""
        rejected, spans = 0, self.spans
        if isinstance(spans, pa.RecordBatch):
            allowed = {name for name in set(spans.column("repository").to_pylist()) if name and grant.covers(name)}
            kept = spans.filter(pc.is_in(spans.column("repository"), value_set=pa.array(allowed, pa.string())))
            rejected, spans = spans.num_rows - kept.num_rows, kept
        elif spans:
            rows = tuple(row for row in spans if row.repository and grant.covers(row.repository))
            rejected, spans = len(spans) - len(rows), rows
        samples = self._samples_covered_by(grant)
        rejected += len(self.samples) - len(samples)
        reason = f"the token {grant.token_id} is bound to {', '.join(grant.projects)}" if rejected else ""
        return Contents(spans, samples, self.rejected + rejected, self.reason or reason, self.foreign_traces)

    def _samples_covered_by(self, grant: Grant) -> Samples:
        if not isinstance(self.samples, pa.RecordBatch):
            return tuple(row for row in self.samples if row.repository and grant.covers(row.repository))
        whose = self.sample_repositories
        allowed = [name for name in pc.unique(whose).to_pylist() if name and grant.covers(name)]
        return self.samples.filter(pc.is_in(whose, value_set=pa.array(allowed, pa.string())))


@dataclass(frozen=True, slots=True)
class Signal:
    """One of traces, metrics and logs.

    Attributes:
        path: Of its HTTP receiver.
        service: Name of its gRPC service, whose one method is `Export`.
        rejected_field: Where its partial success counts.
    """

    name: str
    path: str
    service: str
    request: type[Message]
    response: type[Message]
    rejected_field: str
    _decode: Callable[[bytes], Contents]

    def decode(self, data: bytes) -> Contents:
        """Decode a serialized request.

        Raises:
            DecodeError: It is none.
            NothingKeptError: None of its spans can be kept.
        """
        return self._decode(data)

    def from_json(self, data: bytes) -> bytes:
        """A request in OTLP/JSON as the serialized request it stands for.

        Raises:
            JsonRequestError: It is none; the message says where.
        """
        return bytes(parse_json(self.request, data).SerializeToString())

    def decode_for(self, grant: Grant, data: bytes) -> Contents:
        """Decode a request of somebody who may send for some projects only: the rest counts as rejected.

        Raises:
            DecodeError: It is no request.
            NothingKeptError: None of its spans can be kept.
        """
        contents = self.decode(data)
        return contents if not grant.projects else contents.covered_by(grant)

    def answer(self, contents: Contents) -> Message:
        """The response to a request whose contents are kept; a full success says nothing (OTLP 1.5)."""
        response = self.response()
        if contents.rejected:
            partial = response.partial_success
            setattr(partial, self.rejected_field, contents.rejected)
            partial.error_message = contents.reason
        return response


class _Items:
    """Counts the items of a request while it is looked through."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, count: int) -> None:
        self._count += count
        if self._count > _MAX_ITEMS:
            raise DecodeError(f"it holds more than {_MAX_ITEMS} items; send it in several requests")


@dataclass(frozen=True, slots=True)
class ParsedTraces:
    """A trace export request that protobuf has accepted.

    Attributes:
        data: As it came.
        message: What it says.
        spans: How many there are.
    """

    data: bytes
    message: ExportTraceServiceRequest
    spans: int

    def decode(self) -> Contents:
        """What of it can be kept.

        Raises:
            DecodeError: The message is one to protobuf only.
            NothingKeptError: None of its spans can be kept.
        """
        if self.spans >= COLUMNS_FROM_SPANS:
            return decode_together([self.data])
        rows = decode_traces(self.message)
        if rows.rejected and not rows.rows:
            raise NothingKeptError(rows.rejected, rows.reason)
        return Contents(rows.rows, (), rows.rejected, rows.reason, rows.foreign_traces)


def parse_traces(data: bytes) -> ParsedTraces:
    """A trace export request, looked through as far as it has to be to take it.

    Raises:
        DecodeError: It is none, or holds too much.
    """
    message = ExportTraceServiceRequest.FromString(data)
    count = 0
    items = _Items()
    for resource_spans in message.resource_spans:
        items.add(1 + len(resource_spans.resource.attributes))
        for scope_spans in resource_spans.scope_spans:
            items.add(1 + len(scope_spans.spans))
            count += len(scope_spans.spans)
    return ParsedTraces(data, message, count)


def decode_together(requests: Sequence[bytes]) -> Contents:
    """What of some trace export requests can be kept, each of which `parse_traces` has taken; raises the same."""
    try:
        columns = decode_span_columns(*requests)
    except ValueError as error:
        # protobuf and the column decoder differ in what they take for damage; the sender is told either way.
        raise DecodeError(str(error)) from error
    if columns.rejected and not columns.batch.num_rows:
        raise NothingKeptError(columns.rejected, columns.reason)
    return Contents(columns.batch, (), columns.rejected, columns.reason, columns.foreign_traces)


def _decode_metrics(data: bytes) -> Contents:
    request = ExportMetricsServiceRequest.FromString(data)
    items = _Items()
    for resource_metrics in request.resource_metrics:
        items.add(1 + len(resource_metrics.resource.attributes))
        for scope_metrics in resource_metrics.scope_metrics:
            items.add(1)
            for metric in scope_metrics.metrics:
                items.add(1 + number_of_points(metric))
    if len(data) >= _SAMPLE_COLUMNS_FROM_BYTES and (columns := _sample_columns(data)) is not None:
        return Contents(samples=columns.batch, sample_repositories=columns.repositories)
    samples = decode_metrics(request)
    return Contents(samples=samples.rows, rejected=samples.rejected, reason=samples.reason)


def _sample_columns(data: bytes) -> DecodedSampleColumns | None:
    try:
        return decode_sample_columns(data)
    except ValueError as error:
        # As for spans.
        raise DecodeError(str(error)) from error


def _decode_logs(data: bytes) -> Contents:
    request = ExportLogsServiceRequest.FromString(data)
    items = _Items()
    for resource_logs in request.resource_logs:
        items.add(1 + len(resource_logs.resource.attributes))
        for scope_logs in resource_logs.scope_logs:
            items.add(1 + len(scope_logs.log_records))
    records = decode_logs(request)
    return Contents(spans=records.rows, rejected=records.rejected, reason=records.reason)


TRACES = Signal(
    "traces",
    "/v1/traces",
    "opentelemetry.proto.collector.trace.v1.TraceService",
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
    "rejected_spans",
    lambda data: parse_traces(data).decode(),
)
METRICS = Signal(
    "metrics",
    "/v1/metrics",
    "opentelemetry.proto.collector.metrics.v1.MetricsService",
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
    "rejected_data_points",
    _decode_metrics,
)
LOGS = Signal(
    "logs",
    "/v1/logs",
    "opentelemetry.proto.collector.logs.v1.LogsService",
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
    "rejected_log_records",
    _decode_logs,
)
SIGNALS = (TRACES, METRICS, LOGS)
