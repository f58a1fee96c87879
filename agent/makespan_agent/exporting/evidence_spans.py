"""What a step told beyond its usage, as spans below its own: one a test case, one for all its files.

Ids are derived, so a span that is sent twice is the same span. No report says when a test ran: a test's
span starts with its step and lasts as long as the test did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from makespan_agent.exporting.otlp import span_of
from makespan_agent.exporting.step_record import StepRecord
from makespan_model import vocabulary as names
from makespan_model.evidence import FileAccesses, TestOutcome, TestRun
from makespan_model.span_ids import digest

FILES_SPAN = "files"
_BATCH = 1000
"""Tests a request: 0.5 MB of protobuf. The files of one step take up to 3 MB, and end their request."""
_NS_PER_S = 1_000_000_000
_STATUS = {
    TestOutcome.PASSED: "pass",
    TestOutcome.FAILED: "fail",
    TestOutcome.ERROR: "fail",
    TestOutcome.SKIPPED: "skip",
}
"""`pass` and `fail` are the values the semantic conventions know; others may be added."""

_Value = str | int | float | Sequence[str]


def evidence_spans(record: StepRecord) -> Iterator[ReadableSpan]:
    """The spans below one step."""
    step = span_of(record)
    ordinals: Counter[tuple[str, ...]] = Counter()
    for test in record.evidence.tests:
        key = (test.suite, test.class_name, test.name, test.file or "")
        # Parametrized tests may share a name; their order in the report tells them apart.
        ordinals[key] += 1
        yield _child(
            step,
            name=test.name,
            span_id=digest(record.trace_id, record.span_id, "test", *key, str(ordinals[key]))[:16],
            attributes=_known(_test_attributes(test)),
            end_ns=record.step.start_ns + round((test.duration_s or 0.0) * _NS_PER_S),
            is_failure=test.outcome in (TestOutcome.FAILED, TestOutcome.ERROR),
        )
    if record.evidence.files is not None:
        yield _child(
            step,
            name=FILES_SPAN,
            span_id=digest(record.trace_id, record.span_id, "files")[:16],
            attributes=_known(_file_attributes(record.evidence.files)),
            end_ns=record.step.end_ns,
        )


def evidence_batches(records: Iterable[StepRecord]) -> Iterator[list[ReadableSpan]]:
    """The spans below all these steps, in requests of bounded size."""
    batch: list[ReadableSpan] = []
    for record in records:
        for span in evidence_spans(record):
            batch.append(span)
            if len(batch) == _BATCH or span.name == FILES_SPAN:
                yield batch
                batch = []
    if batch:
        yield batch


def _child(
    step: ReadableSpan,
    *,
    name: str,
    span_id: str,
    attributes: Mapping[str, _Value],
    end_ns: int,
    is_failure: bool = False,
) -> ReadableSpan:
    parent = step.context
    return ReadableSpan(
        name=name,
        context=SpanContext(parent.trace_id, int(span_id, 16), is_remote=False, trace_flags=parent.trace_flags),
        parent=parent,
        resource=step.resource,
        attributes=attributes,
        kind=SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR if is_failure else StatusCode.UNSET),
        start_time=step.start_time,
        end_time=end_ns,
        instrumentation_scope=step.instrumentation_scope,
    )


def _test_attributes(test: TestRun) -> dict[str, _Value | None]:
    return {
        names.SPAN_TYPE: "test",
        names.TEST_SUITE_NAME: test.suite or None,
        names.TEST_CASE_NAME: test.name,
        names.TEST_CASE_RESULT_STATUS: _STATUS[test.outcome],
        names.CODE_FILE_PATH: test.file,
        names.TEST_OUTCOME: test.outcome.value,
        names.TEST_CLASS: test.class_name or None,
        names.TEST_DURATION_S: test.duration_s,
        names.TEST_RETRIES: test.retries or None,
    }


def _file_attributes(files: FileAccesses) -> dict[str, _Value | None]:
    return {
        names.SPAN_TYPE: "files",
        names.FILES_READ: [item.path for item in files.read],
        names.FILES_READ_DIGESTS: [item.sha256 or "" for item in files.read],
        names.FILES_WRITTEN: files.written,
        names.FILES_EXAMINED: files.examined,
        names.FILES_ABSENT: files.absent,
        names.FILES_LISTED: files.listed,
        names.FILES_TOOLS: [item.path for item in files.tools],
        names.FILES_TOOLS_DIGESTS: [item.sha256 or "" for item in files.tools],
        names.FILES_CUT: files.cut,
        names.FILES_INCOMPLETE: files.incomplete or None,
        names.FILES_CALLS: files.calls,
        names.FILES_OVERHEAD_CPU_S: files.overhead_cpu_s,
    }


def _known(attributes: Mapping[str, _Value | None]) -> dict[str, _Value]:
    return {name: value for name, value in attributes.items() if value is not None}
