"""What the spans below a step say: a test case, or the files the step used.

Read twice with the same rules: when a span arrives, so that a malformed one is refused while its sender
listens, and when a query asks.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from makespan_collector.otlp.attributes import (
    Attributes,
    RejectedError,
    amount,
    decode_attributes,
    small_whole,
    text,
    texts,
    whole,
)
from makespan_model import vocabulary as names
from makespan_model.evidence import FileAccesses, FileDigest, TestOutcome, TestRun

_OUTCOMES: Mapping[str, TestOutcome] = {outcome.value: outcome for outcome in TestOutcome}
_BY_STATUS = {"pass": TestOutcome.PASSED, "fail": TestOutcome.FAILED, "skip": TestOutcome.SKIPPED}


def decode_test_run(span: Span, trace_id: str, step_span_id: str) -> TestRun:
    """A test case.

    Raises:
        RejectedError: An attribute has the wrong type, or nothing tells how the test ended.
    """
    attributes = decode_attributes(span.attributes)
    return TestRun(
        trace_id=trace_id,
        step_span_id=step_span_id,
        suite=text(attributes, names.TEST_SUITE_NAME) or "",
        class_name=text(attributes, names.TEST_CLASS) or "",
        name=text(attributes, names.TEST_CASE_NAME) or span.name,
        outcome=_outcome(attributes),
        duration_s=amount(attributes, names.TEST_DURATION_S),
        retries=small_whole(attributes, names.TEST_RETRIES) or 0,
        file=text(attributes, names.CODE_FILE_PATH),
    )


def decode_file_accesses(span: Span) -> FileAccesses:
    """The files of a step.

    Raises:
        RejectedError: An attribute has the wrong type, or there are more or fewer digests than paths.
    """
    attributes = decode_attributes(span.attributes)
    return FileAccesses(
        read=_digests(attributes, names.FILES_READ, names.FILES_READ_DIGESTS),
        written=texts(attributes, names.FILES_WRITTEN) or (),
        examined=texts(attributes, names.FILES_EXAMINED) or (),
        absent=texts(attributes, names.FILES_ABSENT) or (),
        listed=texts(attributes, names.FILES_LISTED) or (),
        tools=_digests(attributes, names.FILES_TOOLS, names.FILES_TOOLS_DIGESTS),
        cut=whole(attributes, names.FILES_CUT) or 0,
        incomplete=text(attributes, names.FILES_INCOMPLETE) or "",
        calls=whole(attributes, names.FILES_CALLS) or 0,
        overhead_cpu_s=amount(attributes, names.FILES_OVERHEAD_CPU_S),
    )


def _outcome(attributes: Attributes) -> TestOutcome:
    # A sender that knows the semantic conventions alone says `pass` or `fail`.
    word, status = text(attributes, names.TEST_OUTCOME), text(attributes, names.TEST_CASE_RESULT_STATUS)
    outcome = _BY_STATUS.get(status or "") if word is None else _OUTCOMES.get(word)
    if outcome is None:
        known = f"{names.TEST_OUTCOME} must be one of {', '.join(_OUTCOMES)}, not {word!r}"
        raise RejectedError(known if word is not None else f"it lacks {names.TEST_OUTCOME}")
    return outcome


def _digests(attributes: Attributes, paths_key: str, digests_key: str) -> tuple[FileDigest, ...]:
    paths, digests = texts(attributes, paths_key) or (), texts(attributes, digests_key) or ()
    if len(paths) != len(digests):
        raise RejectedError(f"{digests_key} must have one text for each of {paths_key}, which are {len(paths)}")
    return tuple(FileDigest(path, sha256 or None) for path, sha256 in zip(paths, digests, strict=True))
