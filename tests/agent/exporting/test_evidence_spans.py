from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from makespan_agent.exporting.flushing import flush
from makespan_agent.spooling.spool import seal
from makespan_collector.server import BackgroundCollector
from makespan_collector.store.opening import open_store
from makespan_model import vocabulary as names
from makespan_model.evidence import TestOutcome
from support.agent_process import Agent
from support.otlp_receiver import Receiver, values
from support.traced_step import require_tracing, sha256

REPORT = """<testsuite name="unit">
<testcase classname="c" name="ok" file="t.py" time="0.25"/>
<testcase classname="c" name="bad" time="2"><failure/></testcase>
<testcase classname="c" name="flaky" time="1"><flakyFailure/></testcase>
<testcase classname="c" name="off"><skipped/></testcase>
<testcase classname="c" name="same"/><testcase classname="c" name="same"/>
</testsuite>"""


def run_step(agent: Agent, *options: str) -> None:
    (agent.directory / "report.in").write_text(REPORT)
    finished = agent.run(
        "run", "--step", "tests", "--junit", "*.xml", *options, "--", "sh", "-c", "cat report.in > r.xml"
    )
    assert (finished.returncode, finished.stderr) == (0, b"")


def test_test_cases_are_spans_below_their_step(agent: Agent, receiver: Receiver) -> None:
    run_step(agent)

    report = flush(agent.spool, receiver.url)

    assert (report.sent, report.left, report.reason) == (1, 0, "")
    spans = receiver.spans()
    (step,) = [span for span in spans if span.name == "tests"]
    tests = [span for span in spans if span is not step]
    assert {span.parent_span_id for span in tests} == {step.span_id}
    assert {span.trace_id for span in tests} == {step.trace_id}
    assert len({span.span_id for span in tests}) == 6
    by_name = {span.name: values(list(span.attributes)) for span in tests}
    assert by_name["ok"] == {
        names.SPAN_TYPE: "test",
        names.TEST_SUITE_NAME: "unit",
        names.TEST_CASE_NAME: "ok",
        names.TEST_CASE_RESULT_STATUS: "pass",
        names.CODE_FILE_PATH: "t.py",
        names.TEST_OUTCOME: "passed",
        names.TEST_CLASS: "c",
        names.TEST_DURATION_S: 0.25,
    }
    assert by_name["bad"][names.TEST_CASE_RESULT_STATUS] == "fail"
    assert by_name["off"][names.TEST_CASE_RESULT_STATUS] == "skip"
    assert by_name["flaky"][names.TEST_RETRIES] == 1
    (ok,) = [span for span in tests if span.name == "ok"]
    assert ok.end_time_unix_nano - ok.start_time_unix_nano == 250_000_000
    assert ok.start_time_unix_nano == step.start_time_unix_nano


def test_a_record_sent_twice_gives_the_same_spans(agent: Agent, receiver: Receiver) -> None:
    run_step(agent)
    (record,) = agent.spool.glob("*.step")
    content = record.read_bytes()
    flush(agent.spool, receiver.url)
    first = {span.span_id for span in receiver.spans()}

    record.write_bytes(content)
    flush(agent.spool, receiver.url)

    assert {span.span_id for span in receiver.spans()} == first
    assert len(receiver.spans()) == 2 * len(first)


def test_many_tests_go_in_requests_of_bounded_size(agent: Agent, receiver: Receiver) -> None:
    cases = "".join(f"<testcase name='t{number}'/>" for number in range(2500))
    (agent.directory / "report.in").write_text(f"<t>{cases}</t>")
    agent.run("run", "--junit", "*.xml", "--", "sh", "-c", "cat report.in > r.xml")

    flush(agent.spool, receiver.url)

    sizes = [
        sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
        for request in receiver.traces
    ]
    assert sizes == [1, 1000, 1000, 500]


def test_a_receiver_that_refuses_tests_gets_the_step_and_does_not_hold_it_back(
    agent: Agent, receiver: Receiver
) -> None:
    run_step(agent)
    receiver.refuses_spans_named = "flaky"

    report = flush(agent.spool, receiver.url)

    assert (report.sent, report.left) == (1, 0)
    assert "tests and files refused: HTTP 400" in report.reason
    assert [span.name for span in receiver.spans()] == ["tests"]


def test_a_record_whose_evidence_is_damaged_is_set_aside(agent: Agent, receiver: Receiver) -> None:
    run_step(agent)
    (record,) = agent.spool.glob("*.step")
    lines = record.read_bytes().splitlines()
    record.write_bytes(b"\n".join([*lines, seal('{"evidence":{"tests":[["s","c"]]}}').strip()]) + b"\n")

    report = flush(agent.spool, receiver.url)

    assert (report.sent, report.rejected) == (0, 1)
    assert "not a step record" in report.reason


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    root = tmp_path / "store"
    with BackgroundCollector(root) as running:
        yield running.endpoint, root


def test_the_collector_keeps_tests_and_files(agent: Agent, collector: tuple[str, Path]) -> None:
    require_tracing()
    url, root = collector
    run_step(agent, "--trace-files", "--capture-arguments")

    report = flush(agent.spool, url)

    assert (report.sent, report.reason) == (1, "")
    with open_store(root, read_only=True) as store:
        (run,) = store.runs()
        trace_id = run.identity.trace_id
        tests = store.tests([trace_id])
        files = store.file_accesses(trace_id, tests[0].step_span_id)
    assert [(test.name, test.outcome, test.duration_s) for test in tests] == [
        ("bad", TestOutcome.FAILED, 2.0),
        ("flaky", TestOutcome.PASSED, 1.0),
        ("off", TestOutcome.SKIPPED, None),
        ("ok", TestOutcome.PASSED, 0.25),
        ("same", TestOutcome.PASSED, None),
        ("same", TestOutcome.PASSED, None),
    ]
    assert files is not None
    assert [(item.path, item.sha256) for item in files.read] in (
        [("report.in", sha256(agent.directory / "report.in"))],
        [("report.in", None)],  # It was made less than a clock tick before.
    )
    assert files.written == ("r.xml",)
    assert any(item.path.endswith("/cat") for item in files.tools)


def test_masked_arguments_and_variables_are_on_the_steps_span(agent: Agent, receiver: Receiver) -> None:
    agent.run("run", "--capture-arguments", "--capture-environment", "COLOUR", "--", "true", "--token=x", COLOUR="red")

    flush(agent.spool, receiver.url)

    (span,) = receiver.spans()
    arguments = next(item.value for item in span.attributes if item.key == names.PROCESS_COMMAND_ARGS)
    assert [item.string_value for item in arguments.array_value.values] == ["true", "--token=***"]
    assert values(list(span.attributes))["process.environment_variable.COLOUR"] == "red"
