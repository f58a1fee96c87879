"""Log records of an OTLP logs export request as rows.

What a step logs within its span is kept whole as detail of its run: kind `log`, with the span it was written in as
parent. A record outside of any trace cannot be found again from a run, and is rejected and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from makespan_collector.otlp.attributes import (
    Attributes,
    RejectedError,
    check_number,
    decode_attributes,
    hexadecimal_id,
    instant_ns,
    text,
)
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model import vocabulary as names


@dataclass(frozen=True, slots=True)
class DecodedLogs:
    """What a request held: rows, the number of rejected records, and the first reason."""

    rows: tuple[SpanRow, ...]
    rejected: int = 0
    reason: str = ""


def decode_logs(request: ExportLogsServiceRequest) -> DecodedLogs:
    """Turn every record into a row or count it as rejected."""
    rows: list[SpanRow] = []
    rejected, reason = 0, ""
    for resource_logs in request.resource_logs:
        resource = decode_attributes(resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                try:
                    rows.append(_decode_record(record, resource))
                except RejectedError as error:
                    rejected += 1
                    reason = reason or f"log record: {error}"
    return DecodedLogs(tuple(rows), rejected, reason)


def _decode_record(record: LogRecord, resource: Attributes) -> SpanRow:
    check_number(record.attributes)
    time_ns = instant_ns(record.time_unix_nano or record.observed_time_unix_nano, "the time")
    raw = record.SerializeToString(deterministic=True)
    return SpanRow(
        trace_id=hexadecimal_id(record.trace_id, 16, "the trace id"),
        # A record has no id of its own; one made of its content lets a re-sent record replace itself.
        span_id=sha256(raw).hexdigest()[:16],
        parent_span_id=hexadecimal_id(record.span_id, 8, "the span id") if record.span_id else None,
        kind=SpanKind.LOG,
        name=record.event_name or record.severity_text or "log",
        start_ns=time_ns,
        end_ns=time_ns,
        repository=text(resource, names.REPOSITORY),
        raw=raw,
    )
