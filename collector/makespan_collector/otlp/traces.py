"""Spans of an OTLP trace export request as rows.

A span whose `makespan.span.type` is run, job or step fills the columns. Every other span is kept whole:
test cases and file accesses under their kind, those of other CI/CD emitters as what `emitters` makes of them, what a
step's own instrumentation emitted as detail of its trace. What can be neither is rejected, which the answer's
partial success says (OTLP specification 1.5, "Partial Success").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from makespan_collector.otlp.attributes import (
    Attributes,
    RejectedError,
    amount,
    check_number,
    decode_attributes,
    hexadecimal_id,
    instant_ns,
    small_whole,
    text,
    texts,
    whole,
)
from makespan_collector.otlp.emitters.registry import emitter_of
from makespan_collector.otlp.emitters.trees import is_told_by_emitter, placed, told_row
from makespan_collector.otlp.evidence import decode_file_accesses, decode_test_run
from makespan_collector.store.rows import RUN_TREE, SpanKind, SpanRow
from makespan_model import vocabulary as names
from makespan_model.executable_usage import parse_executables
from makespan_model.records import CacheOutcome, MemoryPeakSource, PressureSource, Result, RunState, StepKind

_Word = TypeVar("_Word", bound=StrEnum)

_RESULTS: Mapping[str, Result] = {result.value: result for result in Result}
_STEP_KINDS: Mapping[str, StepKind] = {kind.value: kind for kind in StepKind}
_BELOW_STEP = (SpanKind.TEST, SpanKind.FILES)
_OURS: Mapping[str, SpanKind] = {kind.value: kind for kind in (*RUN_TREE, *_BELOW_STEP)}


@dataclass(frozen=True, slots=True)
class DecodedSpans:
    """What a request held: rows, the number of rejected spans, and the first reason.

    Attributes:
        foreign_traces: Traces of emitters other than the agent, which `emitters.trees.finish_traces` looks at
            once the rows are kept.
    """

    rows: tuple[SpanRow, ...]
    rejected: int = 0
    reason: str = ""
    foreign_traces: frozenset[str] = frozenset()


def decode_traces(request: ExportTraceServiceRequest) -> DecodedSpans:
    """Turn every span into a row or count it as rejected."""
    rows: list[SpanRow] = []
    rejected, reason = 0, ""
    for resource_spans in request.resource_spans:
        resource = decode_attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                try:
                    rows.append(decode_span(span, resource, scope_spans.scope.name))
                except RejectedError as error:
                    rejected += 1
                    reason = reason or f"span {span.name!r}: {error}"
    rows, foreign_traces = with_emitters_placed(rows)
    return DecodedSpans(tuple(rows), rejected, reason, foreign_traces)


def with_emitters_placed(rows: list[SpanRow]) -> tuple[list[SpanRow], frozenset[str]]:
    """Complete the rows of other emitters, which come last then; also gives the traces they are of."""
    foreign = [row for row in rows if is_told_by_emitter(row)]
    if not foreign:
        return rows, frozenset()
    ours = [row for row in rows if not is_told_by_emitter(row)]
    return ours + placed(foreign), frozenset(row.trace_id for row in foreign)


def decode_span(span: Span, resource: Attributes, scope: str) -> SpanRow:
    """One span as a row; of an emitter's span only what the span itself says.

    Args:
        span: The span.
        resource: Attributes of its resource.
        scope: Name of its instrumentation scope.

    Raises:
        RejectedError: It cannot be kept.
    """
    check_number(span.attributes)
    own = decode_attributes(span.attributes)
    attributes = {**resource, **own}
    span_type = text(attributes, names.SPAN_TYPE)
    kind = SpanKind.DETAIL if span_type is None else _OURS.get(span_type)
    if kind is None:
        raise RejectedError(f"{names.SPAN_TYPE} must be one of {', '.join(_OURS)}, not {span_type!r}")
    trace_id = hexadecimal_id(span.trace_id, 16, "the trace id")
    span_id = hexadecimal_id(span.span_id, 8, "the span id")
    parent = hexadecimal_id(span.parent_span_id, 8, "the parent span id") if span.parent_span_id else None
    start_ns = instant_ns(span.start_time_unix_nano, "the start")
    end_ns = instant_ns(span.end_time_unix_nano, "the end")
    if end_ns < start_ns:
        raise RejectedError(f"it ends before it starts: {start_ns} .. {end_ns} ns")
    if kind in _BELOW_STEP:
        _check_below_step(span, kind, trace_id, parent)
    if kind not in RUN_TREE:
        row = SpanRow(
            trace_id=trace_id,
            span_id=span_id,
            kind=kind,
            name=span.name,
            start_ns=start_ns,
            end_ns=end_ns,
            parent_span_id=parent,
            repository=text(attributes, names.REPOSITORY),
            raw=span.SerializeToString(),
        )
        emitter = emitter_of(resource, scope, own) if kind is SpanKind.DETAIL else None
        return row if emitter is None else told_row(span, row, emitter, attributes)
    in_job = kind is not SpanKind.RUN
    in_step = kind is SpanKind.STEP
    job_name = (text(attributes, names.JOB_NAME) or _required(attributes, names.JOB_ID)) if in_job else None
    return SpanRow(
        trace_id=trace_id,
        span_id=span_id,
        kind=kind,
        name=text(attributes, names.TASK_NAME) or span.name,
        start_ns=start_ns,
        end_ns=end_ns,
        parent_span_id=parent,
        provider=_required(attributes, names.PROVIDER),
        repository=_required(attributes, names.REPOSITORY),
        run_id=_required(attributes, names.PIPELINE_RUN_ID),
        attempt=small_whole(attributes, names.RUN_ATTEMPT) or 1,
        pipeline=_required(attributes, names.PIPELINE_NAME),
        ref=text(attributes, names.REF_HEAD_NAME),
        commit=text(attributes, names.REF_HEAD_REVISION),
        job_id=(text(attributes, names.JOB_ID) or job_name) if in_job else None,
        job_name=job_name,
        worker=text(attributes, names.WORKER_NAME) if in_job else None,
        needs=texts(attributes, names.JOB_NEEDS) if kind is SpanKind.JOB else None,
        queued_ns=whole(attributes, names.JOB_QUEUED_NS) if kind is SpanKind.JOB else None,
        step_path=_required(attributes, names.STEP_PATH) if in_step else None,
        step_index=small_whole(attributes, names.STEP_INDEX) if in_step else None,
        step_kind=_step_kind(attributes) if in_step else None,
        result=_result(span, attributes, kind),
        exit_code=small_whole(attributes, names.PROCESS_EXIT_CODE) if in_step else None,
        **(_usage(attributes) if in_step else {}),
        raw=span.SerializeToString(),
        source="otlp",
        state=_word(attributes, names.PIPELINE_RUN_STATE, RunState) if kind is SpanKind.RUN else None,
        event=text(attributes, names.RUN_EVENT),
        actor=text(attributes, names.RUN_ACTOR),
        url=_url(attributes, kind),
        change=text(attributes, names.CHANGE_ID),
        runner_labels=texts(attributes, names.JOB_RUNNER_LABELS) if in_job else None,
        job_run_id=text(attributes, names.JOB_RUN_ID) if in_job else None,
        cache_outcome=_word(attributes, names.CACHE_OUTCOME, CacheOutcome) if in_step else None,
    )


def _url(attributes: Attributes, kind: SpanKind) -> str | None:
    return text(attributes, names.PIPELINE_RUN_URL if kind is SpanKind.RUN else names.TASK_RUN_URL)


def _usage(attributes: Attributes) -> dict[str, Any]:
    found: dict[str, Any] = {name: amount(attributes, key) for name, key in names.USAGE_AMOUNTS.items()}
    found |= {name: whole(attributes, key) for name, key in names.USAGE_COUNTS.items()}
    found["memory_peak_source"] = _word(attributes, names.MEMORY_PEAK_SOURCE, MemoryPeakSource)
    found["pressure_source"] = _word(attributes, names.PRESSURE_SOURCE, PressureSource)
    executables = text(attributes, names.PROCESSES)
    try:
        parse_executables(executables or "[]")
    except ValueError as error:
        raise RejectedError(f"{names.PROCESSES}: {error}") from error
    return {**found, "executables": executables}


def _word(attributes: Attributes, key: str, words: type[_Word]) -> _Word | None:
    value = text(attributes, key)
    try:
        return None if value is None else words(value)
    except ValueError:
        raise RejectedError(f"{key} must be one of {', '.join(words)}, not {value!r}") from None


def _required(attributes: Attributes, key: str) -> str:
    value = text(attributes, key)
    if value is None:
        raise RejectedError(f"it lacks {key}")
    return value


def _check_below_step(span: Span, kind: SpanKind, trace_id: str, parent: str | None) -> None:
    if parent is None:
        raise RejectedError(f"a span of type {kind} must have the step's span as its parent")
    if kind is SpanKind.TEST:
        decode_test_run(span, trace_id, parent)
    else:
        decode_file_accesses(span)


def _result(span: Span, attributes: Attributes, kind: SpanKind) -> Result:
    key = names.PIPELINE_RESULT if kind is SpanKind.RUN else names.TASK_RUN_RESULT
    value = text(attributes, key)
    if value is None:
        return Result.FAILURE if span.status.code == Status.STATUS_CODE_ERROR else Result.SUCCESS
    result = _RESULTS.get(value)
    if result is None:
        raise RejectedError(f"{key} must be one of {', '.join(_RESULTS)}, not {value!r}")
    return result


def _step_kind(attributes: Attributes) -> StepKind:
    value = text(attributes, names.STEP_KIND)
    if value is None:
        return StepKind.RUN
    kind = _STEP_KINDS.get(value)
    if kind is None:
        raise RejectedError(f"{names.STEP_KIND} must be one of {', '.join(_STEP_KINDS)}, not {value!r}")
    return kind
