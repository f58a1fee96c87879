from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from makespan_collector.otlp.traces import decode_traces
from makespan_collector.store.contract import Store
from makespan_model import vocabulary as names
from makespan_model.evidence import FileAccesses, FileDigest, TestOutcome
from support.span_rows import EPOCH, SECOND, key_value, run_rows

TRACE, STEP, OTHER_STEP = "a1" * 16, "b2" * 8, "c3" * 8
Attributes = Mapping[str, str | int | float | Sequence[str]]


def request(
    attributes: Attributes, *, span_id: str = "d4" * 8, parent: str = STEP, trace: str = TRACE
) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(
        trace_id=bytes.fromhex(trace),
        span_id=bytes.fromhex(span_id),
        parent_span_id=bytes.fromhex(parent),
        name="the span",
        start_time_unix_nano=EPOCH,
        end_time_unix_nano=EPOCH + SECOND,
        attributes=[key_value(key, value) for key, value in attributes.items()],
    )
    return message


def test_case(name: str, **more: Any) -> dict[str, Any]:
    return {names.SPAN_TYPE: "test", names.TEST_CASE_NAME: name, names.TEST_OUTCOME: "passed", **more}


test_case.__test__ = False  # type: ignore[attr-defined]  # It makes one; it is none.


def test_tests_come_back_as_they_were_sent(store: Store) -> None:
    sent = test_case(
        "test_a",
        **{
            names.TEST_SUITE_NAME: "unit",
            names.TEST_CLASS: "tests.test_a",
            names.TEST_DURATION_S: 1.5,
            names.TEST_RETRIES: 2,
            names.CODE_FILE_PATH: "tests/test_a.py",
        },
    )
    store.append(spans=decode_traces(request(sent)).rows)

    (run,) = store.tests([TRACE])

    assert (run.trace_id, run.step_span_id) == (TRACE, STEP)
    assert (run.suite, run.class_name, run.name, run.file) == ("unit", "tests.test_a", "test_a", "tests/test_a.py")
    assert (run.outcome, run.duration_s, run.retries, run.is_flaky) == (TestOutcome.PASSED, 1.5, 2, True)


def test_tests_are_found_by_run_and_by_step(store: Store) -> None:
    store.append(spans=decode_traces(request(test_case("one"), span_id="01" * 8)).rows)
    store.append(spans=decode_traces(request(test_case("two"), span_id="02" * 8, parent=OTHER_STEP)).rows)
    store.append(spans=decode_traces(request(test_case("far"), span_id="03" * 8, trace="ee" * 16)).rows)
    store.compact()

    assert [run.name for run in store.tests([TRACE])] == ["one", "two"]
    assert [run.name for run in store.tests([TRACE], step_span_id=OTHER_STEP)] == ["two"]
    assert [run.name for run in store.tests([TRACE, "ee" * 16])] == ["one", "two", "far"]
    assert store.tests([]) == []


def test_a_test_sent_twice_is_one_test_and_the_last_one_wins(store: Store) -> None:
    store.append(spans=decode_traces(request(test_case("one"))).rows)
    store.append(spans=decode_traces(request(test_case("one", **{names.TEST_OUTCOME: "failed"}))).rows)

    assert [run.outcome for run in store.tests([TRACE])] == [TestOutcome.FAILED]


@pytest.mark.parametrize(("status", "outcome"), [("pass", TestOutcome.PASSED), ("fail", TestOutcome.FAILED)])
def test_the_standard_status_alone_tells_the_outcome(store: Store, status: str, outcome: TestOutcome) -> None:
    attributes = {names.SPAN_TYPE: "test", names.TEST_CASE_RESULT_STATUS: status}
    store.append(spans=decode_traces(request(attributes)).rows)

    assert [(run.name, run.outcome) for run in store.tests([TRACE])] == [("the span", outcome)]


def test_file_accesses_come_back_as_they_were_sent(store: Store) -> None:
    sent: Attributes = {
        names.SPAN_TYPE: "files",
        names.FILES_READ: ["a.py", "b.py"],
        names.FILES_READ_DIGESTS: ["ff" * 32, ""],
        names.FILES_WRITTEN: ["out.o"],
        names.FILES_EXAMINED: ["Makefile"],
        names.FILES_ABSENT: ["setup.cfg"],
        names.FILES_LISTED: ["."],
        names.FILES_TOOLS: ["/usr/bin/cc"],
        names.FILES_TOOLS_DIGESTS: ["ee" * 32],
        names.FILES_CUT: 3,
        names.FILES_INCOMPLETE: "a process was still running",
        names.FILES_CALLS: 99,
        names.FILES_OVERHEAD_CPU_S: 0.25,
    }
    store.append(spans=decode_traces(request(sent)).rows)

    assert store.file_accesses(TRACE, STEP) == FileAccesses(
        read=(FileDigest("a.py", "ff" * 32), FileDigest("b.py")),
        written=("out.o",),
        examined=("Makefile",),
        absent=("setup.cfg",),
        listed=(".",),
        tools=(FileDigest("/usr/bin/cc", "ee" * 32),),
        cut=3,
        incomplete="a process was still running",
        calls=99,
        overhead_cpu_s=0.25,
    )
    assert store.file_accesses(TRACE, OTHER_STEP) is None


def test_tests_and_files_are_no_part_of_the_tree_of_a_run(store: Store) -> None:
    rows = run_rows("1", {"test": [("pytest", 1, 5)]})
    trace = rows[0].trace_id
    store.append(spans=[*rows, *decode_traces(request(test_case("one"), trace=trace)).rows])

    (run,) = store.runs()

    assert [step.name for step in run.jobs[0].steps] == ["pytest"]
    assert len(store.tests([trace])) == 1
    assert [summary.runs for summary in store.pipelines()] == [1]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        (test_case("x", **{names.TEST_OUTCOME: "great"}), "must be one of passed, failed, error, skipped, not 'great'"),
        ({names.SPAN_TYPE: "test"}, "lacks makespan.test.outcome"),
        (test_case("x", **{names.TEST_DURATION_S: -1}), "must be a number of 0 or more"),
        ({names.SPAN_TYPE: "files", names.FILES_READ: ["a"]}, "one text for each"),
        ({names.SPAN_TYPE: "files", names.FILES_WRITTEN: "a"}, "must be an array of strings"),
    ],
)
def test_malformed_evidence_is_refused_when_it_arrives(attributes: Attributes, reason: str) -> None:
    decoded = decode_traces(request(attributes))

    assert (decoded.rows, decoded.rejected) == ((), 1)
    assert reason in decoded.reason
