from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from makespan_collector.otlp.traces import decode_traces
from makespan_collector.store.rows import SpanKind
from makespan_model import vocabulary as names
from makespan_model.records import Result, StepKind
from support.span_rows import EPOCH, SECOND, key_value, step_request


def test_a_step_span_fills_its_columns_from_resource_and_span() -> None:
    request = step_request(
        attributes={
            names.STEP_INDEX: 3,
            names.PROCESS_EXIT_CODE: 0,
            names.CPU_USER_S: 1.5,
            names.CPU_SYSTEM_S: 1,
            names.MEMORY_PEAK_BYTES: 2**31,
            names.IO_READ_BYTES: 5,
            names.IO_WRITE_BYTES: 6,
        }
    )
    (row,) = decode_traces(request).rows
    assert (row.kind, row.name, row.job_id, row.job_name) == (SpanKind.STEP, "pytest", "test", "test (3.12)")
    assert (row.provider, row.repository, row.run_id, row.attempt, row.pipeline) == ("github", "octo/app", "7", 1, "ci")
    assert (row.start_ns, row.end_ns, row.result) == (EPOCH, EPOCH + 3 * SECOND, Result.SUCCESS)
    assert (row.step_path, row.step_index, row.step_kind, row.exit_code) == ("pytest", 3, StepKind.RUN, 0)
    assert (row.cpu_user_s, row.cpu_system_s, row.memory_peak_bytes) == (1.5, 1.0, 2**31)
    assert (row.io_read_bytes, row.io_write_bytes) == (5, 6)


def test_what_has_no_column_is_kept_in_the_raw_span() -> None:
    (row,) = decode_traces(step_request(attributes={"process.executable.name": "python"})).rows
    assert row.raw is not None
    kept = {attribute.key: attribute.value.string_value for attribute in Span.FromString(row.raw).attributes}
    assert kept["process.executable.name"] == "python"


def test_a_job_span_has_needs_and_queue_time() -> None:
    request = step_request(
        attributes={names.SPAN_TYPE: "job", names.JOB_NEEDS: ["lint", "build"], names.JOB_QUEUED_NS: EPOCH - SECOND}
    )
    (row,) = decode_traces(request).rows
    assert (row.kind, row.needs, row.queued_ns) == (SpanKind.JOB, ("lint", "build"), EPOCH - SECOND)
    assert row.step_path is None


def test_no_needs_and_an_empty_list_of_needs_stay_apart() -> None:
    unknown = decode_traces(step_request(attributes={names.SPAN_TYPE: "job"})).rows[0]
    none = decode_traces(step_request(attributes={names.SPAN_TYPE: "job", names.JOB_NEEDS: []})).rows[0]
    assert unknown.needs is None
    assert none.needs == ()


def test_a_run_span_takes_its_result_from_the_pipeline() -> None:
    request = step_request(attributes={names.SPAN_TYPE: "run", names.PIPELINE_RESULT: "cancellation"})
    (row,) = decode_traces(request).rows
    assert (row.kind, row.result, row.job_name) == (SpanKind.RUN, Result.CANCELLATION, None)


def test_a_span_that_is_no_part_of_a_run_is_kept_whole_as_detail() -> None:
    request = step_request(without=[names.SPAN_TYPE, names.TASK_NAME])
    decoded = decode_traces(request)
    (row,) = decoded.rows
    assert (row.kind, row.run_id, decoded.rejected) == (SpanKind.DETAIL, None, 0)
    assert row.raw is not None
    assert Span.FromString(row.raw) == request.resource_spans[0].scope_spans[0].spans[0]


def test_a_missing_result_is_read_from_the_span_status() -> None:
    request = step_request(without=[names.TASK_RUN_RESULT])
    assert decode_traces(request).rows[0].result is Result.SUCCESS
    request.resource_spans[0].scope_spans[0].spans[0].status.code = 2
    assert decode_traces(request).rows[0].result is Result.FAILURE


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (step_request(trace_id=b"\0" * 16), "the trace id must be 16 bytes and not all zero"),
        (step_request(trace_id=b"\x01" * 15), "the trace id must be 16 bytes"),
        (step_request(start_ns=0), "the start must be a time between 1970 and 2262, not 0"),
        (step_request(end_ns=2**63), "the end must be a time between 1970 and 2262"),
        (step_request(start_ns=EPOCH + 1, end_ns=EPOCH), "ends before it starts"),
        (step_request(without=[names.PIPELINE_RUN_ID]), "lacks cicd.pipeline.run.id"),
        (step_request(without=[names.STEP_PATH]), "lacks makespan.step.path"),
        (step_request(without=[names.JOB_ID, names.JOB_NAME]), "lacks makespan.job.id"),
        (step_request(attributes={names.SPAN_TYPE: "stage"}), "job, step, test, files, not 'stage'"),
        (step_request(attributes={names.TASK_RUN_RESULT: "great"}), "must be one of success, failure"),
        (step_request(attributes={names.STEP_KIND: "magic"}), "must be one of run, uses"),
        (step_request(attributes={names.CPU_USER_S: -1.0}), "must be a number of 0 or more"),
        (step_request(attributes={names.CPU_USER_S: float("nan")}), "must be a number of 0 or more"),
        (step_request(attributes={names.CPU_USER_S: float("inf")}), "must be a number of 0 or more"),
        (step_request(attributes={names.MEMORY_PEAK_BYTES: "much"}), "must be an integer from 0"),
        (step_request(attributes={names.PROCESS_EXIT_CODE: 2**40}), "must be an integer from 0 to 2147483647"),
        (step_request(attributes={names.TASK_NAME: 3}), "must be a string"),
    ],
)
def test_what_cannot_be_kept_is_counted_and_the_reason_names_it(
    request_: ExportTraceServiceRequest, reason: str
) -> None:
    decoded = decode_traces(request_)
    assert (decoded.rows, decoded.rejected) == ((), 1)
    assert reason in decoded.reason
    assert "'pytest'" in decoded.reason


def test_one_bad_span_does_not_take_the_good_ones_with_it() -> None:
    request = step_request()
    bad = request.resource_spans[0].scope_spans[0].spans.add()
    bad.name = "bad"
    bad.attributes.append(key_value(names.SPAN_TYPE, "step"))
    decoded = decode_traces(request)
    assert [row.name for row in decoded.rows] == ["pytest"]
    assert decoded.rejected == 1
