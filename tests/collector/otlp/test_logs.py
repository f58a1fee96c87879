from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from makespan_collector.access.tokens import Grant, Scope
from makespan_collector.otlp.logs import decode_logs
from makespan_collector.receiving.signals import LOGS
from makespan_collector.store.rows import SpanKind
from makespan_model import vocabulary as names
from support.span_rows import key_value

TRACE, SPAN = b"\1" * 16, b"\2" * 8


def _request(*records: LogRecord) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    return request


def _record(text: str = "compiled", **changes: Any) -> LogRecord:
    values: dict[str, object] = {"trace_id": TRACE, "span_id": SPAN, "time_unix_nano": 7, "severity_text": "INFO"}
    record = LogRecord(**(values | changes))  # type: ignore[arg-type]
    record.body.string_value = text
    return record


def test_a_record_hangs_under_the_span_it_was_written_in() -> None:
    (row,) = decode_logs(_request(_record())).rows

    assert (row.trace_id, row.parent_span_id, row.kind) == (TRACE.hex(), SPAN.hex(), SpanKind.LOG)
    assert (row.name, row.start_ns, row.end_ns) == ("INFO", 7, 7)
    assert LogRecord.FromString(row.raw or b"").body.string_value == "compiled"


def test_a_record_without_a_time_counts_from_when_it_was_observed() -> None:
    (row,) = decode_logs(_request(_record(time_unix_nano=0, observed_time_unix_nano=9))).rows

    assert row.start_ns == 9


def test_a_resent_record_has_the_same_id_and_another_record_another() -> None:
    once, again, other = decode_logs(_request(_record(), _record(), _record("linked"))).rows

    assert once.span_id == again.span_id != other.span_id


@pytest.mark.parametrize(("projects", "kept"), [(("octo/*",), 1), (("other/*",), 0)])
def test_a_bound_token_keeps_the_records_of_its_projects_alone(projects: tuple[str, ...], kept: int) -> None:
    request = _request(_record())
    request.resource_logs[0].resource.attributes.append(key_value(names.REPOSITORY, "octo/app"))
    grant = Grant(frozenset({Scope.INGEST}), projects, "id")

    contents = LOGS.decode_for(grant, request.SerializeToString())

    assert (len(contents.spans), contents.rejected) == (kept, 1 - kept)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"trace_id": b""}, "trace id"), ({"span_id": b"\1"}, "span id"), ({"time_unix_nano": 0}, "the time")],
)
def test_a_record_that_belongs_to_no_run_is_rejected_and_counted(changes: dict[str, Any], reason: str) -> None:
    decoded = decode_logs(_request(_record(**changes), _record()))

    assert (len(decoded.rows), decoded.rejected) == (1, 1)
    assert reason in decoded.reason
