"""Serialized OTLP requests as what a store takes."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from makespan_collector.otlp.span_columns import decode_span_columns
from makespan_collector.otlp.traces import decode_traces
from makespan_collector.store.schema import Spans

_COLUMNS_FROM_SPANS = 64
"""A request of fewer spans is decoded faster row by row: the columns cost 2 ms however few spans there are."""


@dataclass(frozen=True, slots=True)
class TraceContents:
    """What a trace request held: spans to keep, how many were rejected, and why the first was."""

    spans: Spans
    rejected: int
    reason: str


def decode_trace_request(data: bytes) -> TraceContents:
    """Decode a serialized `ExportTraceServiceRequest`.

    Raises:
        google.protobuf.message.DecodeError: It is none.
    """
    request = ExportTraceServiceRequest.FromString(data)
    count = sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
    if count < _COLUMNS_FROM_SPANS:
        rows = decode_traces(request)
        return TraceContents(rows.rows, rows.rejected, rows.reason)
    columns = decode_span_columns(data)
    return TraceContents(columns.batch, columns.rejected, columns.reason)
