"""Rows and OTLP requests of small runs, for tests of the collector and of what reads its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model import vocabulary as names
from makespan_model.identity import RunIdentity, job_span_id, run_span_id, step_span_id
from makespan_model.records import Result, StepKind

SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND


def run_rows(
    run_id: str,
    jobs: Mapping[str, Sequence[tuple[str, int, int]]],
    *,
    pipeline: str = "ci",
    repository: str = "octo/app",
    start_ns: int = EPOCH,
    result: Result = Result.SUCCESS,
    needs: Mapping[str, tuple[str, ...]] | None = None,
) -> list[SpanRow]:
    """A run with a run span, job spans and step spans; steps are (name, start s, end s) after the run's start."""
    identity = RunIdentity("github", repository, run_id)
    trace_id = identity.trace_id
    shared: dict[str, Any] = {
        "trace_id": trace_id,
        "provider": "github",
        "repository": repository,
        "run_id": run_id,
        "attempt": 1,
        "pipeline": pipeline,
        "result": result,
    }
    rows = []
    for job, steps in jobs.items():
        shared_job = {**shared, "job_id": job, "job_name": job}
        rows += [
            SpanRow(
                span_id=step_span_id(trace_id, job, name),
                parent_span_id=job_span_id(trace_id, job),
                kind=SpanKind.STEP,
                name=name,
                start_ns=start_ns + start_s * SECOND,
                end_ns=start_ns + end_s * SECOND,
                step_path=name,
                step_index=index,
                step_kind=StepKind.RUN,
                exit_code=0,
                cpu_user_s=float(end_s - start_s),
                **shared_job,
            )
            for index, (name, start_s, end_s) in enumerate(steps)
        ]
        rows.append(
            SpanRow(
                span_id=job_span_id(trace_id, job),
                parent_span_id=run_span_id(trace_id),
                kind=SpanKind.JOB,
                name=job,
                start_ns=start_ns + min(start for _, start, _ in steps) * SECOND,
                end_ns=start_ns + max(end for _, _, end in steps) * SECOND,
                needs=(needs or {}).get(job),
                **shared_job,
            )
        )
    ends = [row.end_ns for row in rows]
    rows.append(
        SpanRow(
            span_id=run_span_id(trace_id),
            kind=SpanKind.RUN,
            name=pipeline,
            start_ns=start_ns,
            end_ns=max(ends),
            **shared,
        )
    )
    return rows


def key_value(key: str, value: str | int | float | Sequence[str]) -> KeyValue:
    """One OTLP attribute."""
    if isinstance(value, str):
        return KeyValue(key=key, value=AnyValue(string_value=value))
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    items = [AnyValue(string_value=item) for item in value]
    return KeyValue(key=key, value=AnyValue(array_value=ArrayValue(values=items)))


def step_request(
    run_id: str = "7",
    step: str = "pytest",
    *,
    attributes: Mapping[str, str | int | float | Sequence[str]] | None = None,
    without: Sequence[str] = (),
    trace_id: bytes | None = None,
    start_ns: int = EPOCH,
    end_ns: int = EPOCH + 3 * SECOND,
) -> ExportTraceServiceRequest:
    """A request with one step span as the agent sends it: identity on the resource, the step on the span."""
    identity = RunIdentity("github", "octo/app", run_id)
    resource: dict[str, Any] = {
        names.PROVIDER: "github",
        names.REPOSITORY: "octo/app",
        names.RUN_ATTEMPT: 1,
        names.PIPELINE_NAME: "ci",
        names.PIPELINE_RUN_ID: run_id,
        names.JOB_ID: "test",
        names.JOB_NAME: "test (3.12)",
    }
    span: dict[str, Any] = {
        names.SPAN_TYPE: "step",
        names.TASK_NAME: step,
        names.TASK_RUN_RESULT: "success",
        names.STEP_PATH: step,
        names.STEP_KIND: "run",
        **(attributes or {}),
    }
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(
        key_value(key, value) for key, value in resource.items() if key not in without
    )
    resource_spans.scope_spans.add().spans.add(
        trace_id=bytes.fromhex(identity.trace_id) if trace_id is None else trace_id,
        span_id=bytes.fromhex(step_span_id(identity.trace_id, "test (3.12)", step)),
        name=step,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=end_ns,
        attributes=[key_value(key, value) for key, value in span.items() if key not in without],
    )
    return request
