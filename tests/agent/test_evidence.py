from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from makespan_agent.bare_json import render
from makespan_agent.evidence import Evidence, send_deadline_s
from support.agent_process import Agent

REPORT = "<testsuite name='s'><testcase classname='c' name='n' time='1'/></testsuite>"
SECRET = "s3cret-Value+42"


def write_report(name: str = "report.xml", content: str = REPORT) -> list[str]:
    return ["sh", "-c", 'printf "%s" "$1" > "$0"', name, content]


def spool_bytes(agent: Agent) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(agent.spool.rglob("*")) if path.is_file())


def test_reports_of_the_step_are_read_from_where_it_ran(agent: Agent) -> None:
    (agent.directory / "old.xml").write_text(REPORT)
    os.utime(agent.directory / "old.xml", (0, 0))

    finished = agent.run("run", "--junit", "*.xml", "--", *write_report())

    assert (finished.returncode, finished.stderr) == (0, b"")
    assert agent.records()[0]["evidence"]["tests"] == [["s", "c", "n", None, 1.0, "passed", 0]]


@pytest.mark.parametrize("globs", ["a.xml:b.xml", "a.xml\nb.xml\n"])
def test_the_variable_holds_globs_between_colons_or_line_ends(agent: Agent, globs: str) -> None:
    script = f'printf "%s" "{REPORT}" | tee a.xml > b.xml'

    agent.run("run", "--", "sh", "-c", script, MAKESPAN_JUNIT=globs)

    assert len(agent.records()[0]["evidence"]["tests"]) == 2


def test_the_option_may_be_repeated_and_takes_a_colon_as_it_is(agent: Agent) -> None:
    agent.run("run", "--junit", "a:b.xml", "--junit=c.xml", "--", *write_report("a:b.xml"))

    assert len(agent.records()[0]["evidence"]["tests"]) == 1


def test_an_agent_inside_the_step_does_not_report_the_same_tests_again(agent: Agent) -> None:
    inner = [*agent.command("run", "--"), *write_report()]

    agent.run("run", "--", *inner, MAKESPAN_JUNIT="*.xml")

    assert ["tests" in record["evidence"] for record in agent.records()] == [False, True]


def test_a_broken_report_costs_one_line_and_nothing_else(agent: Agent) -> None:
    broken = REPORT.removesuffix("</testsuite>")

    finished = agent.run("run", "--junit", "*.xml", "--", *write_report(content=broken))

    assert finished.returncode == 0
    assert finished.stderr.startswith(b"makespan: test report ")
    assert b"report.xml:1:" in finished.stderr
    assert finished.stderr.count(b"\n") == 1
    assert len(agent.records()[0]["evidence"]["tests"]) == 1


def test_a_failing_step_keeps_its_exit_code_and_its_tests(agent: Agent) -> None:
    script = f'printf "%s" "{REPORT}" > r.xml; exit 3'

    finished = agent.run("run", "--junit", "r.xml", "--", "sh", "-c", script)

    assert finished.returncode == 3
    assert len(agent.records()[0]["evidence"]["tests"]) == 1


def test_a_deleted_working_directory_fails_nothing(agent: Agent, tmp_path: Path) -> None:
    command = " ".join(agent.command("run", "--junit", "'*.xml'", "--trace-files", "--", "true"))

    finished = agent.run("run", "--", "sh", "-c", f"mkdir {tmp_path}/gone; cd {tmp_path}/gone; rmdir .; {command}")

    assert finished.returncode == 0


def test_nothing_is_gathered_unless_asked_for(agent: Agent) -> None:
    agent.run("run", "--", "true", "an argument", MY_PLAIN_VARIABLE="value of it")

    assert agent.records()[0]["evidence"] == {}
    assert b"an argument" not in spool_bytes(agent)
    assert b"value of it" not in spool_bytes(agent)


def test_arguments_and_variables_are_recorded_when_asked_for(agent: Agent) -> None:
    agent.run(
        *("run", "--capture-arguments", "--capture-environment", "PLAIN,MY_TOKEN,UNSET"),
        *("--", "true", "--token", SECRET, f"x{SECRET}y"),
        MY_TOKEN=SECRET,
        PLAIN="p",
    )

    evidence = agent.records()[0]["evidence"]
    assert evidence["arguments"] == ["true", "--token", "***", "x***y"]
    assert evidence["environment"] == {"PLAIN": "p", "MY_TOKEN": "***"}
    assert SECRET.encode() not in spool_bytes(agent)


def test_the_variables_ask_for_the_same(agent: Agent) -> None:
    agent.run(
        "run", "--", "true", "x", MAKESPAN_CAPTURE_ARGUMENTS="1", MAKESPAN_CAPTURE_ENVIRONMENT="A, B", A="a", B="b"
    )

    evidence = agent.records()[0]["evidence"]
    assert (evidence["arguments"], evidence["environment"]) == (["true", "x"], {"A": "a", "B": "b"})


def test_a_wrong_switch_is_said_and_means_no(agent: Agent) -> None:
    finished = agent.run("run", "--", "true", MAKESPAN_CAPTURE_ARGUMENTS="perhaps")

    assert finished.stderr == b"makespan: MAKESPAN_CAPTURE_ARGUMENTS must be 1 or 0, not 'perhaps'\n"
    assert agent.records()[0]["evidence"] == {}


@pytest.mark.parametrize(
    "command",
    [
        ["true"],
        ["nosuchcommand"],
        ["/dev/null"],
        ["sh", "-c", "kill -9 $$"],
        ["sh", "-c", "exit 9"],
    ],
    ids=" ".join,
)
def test_the_spool_never_holds_the_environment(agent: Agent, command: list[str]) -> None:
    agent.run(
        *("run", "--junit", "**/*.xml", "--capture-arguments", "--trace-files", "--", *command),
        SOME_VARIABLE="plain-environment-value",
        SOME_TOKEN=SECRET,
        MAKESPAN_HEARTBEAT_S="0.01",
    )

    kept = spool_bytes(agent)
    assert agent.records()
    assert b"plain-environment-value" not in kept
    assert SECRET.encode() not in kept


def test_a_killed_agent_leaves_no_environment_and_no_arguments_either(agent: Agent) -> None:
    agent.environment = {"SOME_TOKEN": SECRET, "SOME_VARIABLE": "plain-environment-value"}
    process = agent.start("run", "--capture-arguments", "--", "sh", "-c", "echo up; read x", SECRET, stdin=-1)
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    deadline_s = time.monotonic() + 30
    while not spool_bytes(agent) and time.monotonic() < deadline_s:
        time.sleep(0.005)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()

    kept = spool_bytes(agent)
    assert kept
    assert SECRET.encode() not in kept
    assert b"plain-environment-value" not in kept


printable = st.text(st.characters(codec="utf-8", exclude_characters="\0*"), min_size=4, max_size=30)


@given(secret=printable, form=st.sampled_from(["{}", "--opt={}", "pre{}post", "sh -c 'x {}'", '{{"a": "{}"}}']))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_masked_value_survives_in_a_record(secret: str, form: str) -> None:
    environment = {
        "A_SECRET": secret,
        "OTHER": f"before {secret} after",
        "MAKESPAN_CAPTURE_ARGUMENTS": "1",
        "MAKESPAN_CAPTURE_ENVIRONMENT": "A_SECRET,OTHER",
    }
    assume(secret not in form.format("") + "cmd***before  after A_SECRET OTHER arguments environment")
    words = ["cmd", form.format(secret)]

    found = Evidence(environment, words, []).gather(0, None)

    values = [*found["arguments"], *found["environment"].values()]  # type: ignore[attr-defined, misc]
    assert all(secret not in value for value in values)
    # As it stands in the spool: JSON text, non-ASCII escaped.
    if secret.isascii() and secret.isprintable() and not set(secret) & set('"\\,[]{}: '):
        assert secret not in render(found)


@pytest.mark.parametrize(("text", "seconds"), [("", 1.0), ("0", 0.0), ("2.5", 2.5)])
def test_the_deadline_is_a_number_of_seconds(text: str, seconds: float) -> None:
    notices: list[str] = []

    assert (send_deadline_s({"MAKESPAN_SEND_DEADLINE_S": text}, notices), notices) == (seconds, [])


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_wrong_deadline_is_said_and_the_default_taken(text: str) -> None:
    notices: list[str] = []

    assert send_deadline_s({"MAKESPAN_SEND_DEADLINE_S": text}, notices) == 1.0
    assert text in notices[0]


def test_a_deadline_of_zero_leaves_the_reports_unread_and_says_so(agent: Agent) -> None:
    (agent.directory / "report.in").write_text("<t>" + "<testcase name='x'/>" * 10_000 + "</t>")

    finished = agent.run(
        "run", "--junit", "r.xml", "--", "sh", "-c", "cat report.in > r.xml", MAKESPAN_SEND_DEADLINE_S="0"
    )

    assert finished.returncode == 0
    assert b"the time for reading test reports was up" in finished.stderr
    assert 0 < len(agent.records()[0]["evidence"]["tests"]) < 10_000


def test_a_real_pytest_run_tells_its_tests(agent: Agent) -> None:
    (agent.directory / "test_real.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('x', ['a<b', 'ü'])\n"
        "def test_good(x): pass\n"
        "def test_bad(): assert 0\n"
        "@pytest.fixture\n"
        "def broken(): yield; 1 / 0\n"
        "def test_teardown(broken): assert 0\n"
        "@pytest.mark.skip\n"
        "def test_off(): pass\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--junitxml=out/real.xml",
        "test_real.py",
    ]

    finished = agent.run("run", "--junit", "out/**/*.xml", "--", *command)

    assert (finished.returncode, finished.stderr) == (1, b"")
    outcomes = sorted((name, outcome, retries) for _, _, name, _, _, outcome, retries in _tests(agent))
    assert outcomes == [
        ("test_bad", "failed", 0),
        ("test_good[\\xfc]", "passed", 0),
        ("test_good[a<b]", "passed", 0),
        ("test_off", "skipped", 0),
        ("test_teardown", "error", 0),
    ]


def test_a_real_node_run_tells_its_tests(agent: Agent) -> None:
    if shutil.which("node") is None or _node_major() < 20:
        if os.environ.get("MAKESPAN_REQUIRE_SERVICES") == "1":
            pytest.fail("MAKESPAN_REQUIRE_SERVICES=1: Node 20 or newer is not installed")
        pytest.skip("Node 20 or newer, whose test runner writes JUnit XML, is not installed")
    (agent.directory / "sums.test.mjs").write_text(
        "import test from 'node:test'; import assert from 'node:assert';\n"
        "test('good', () => {}); test('bad', () => assert.fail('x')); test('off', {skip: true}, () => {});\n"
        "test('outer', async (t) => { await t.test('inner', () => {}); });\n"
    )
    options = ["--test", "--test-reporter=junit", "--test-reporter-destination=node.xml"]

    finished = agent.run("run", "--junit", "node.xml", "--", "node", *options, "sums.test.mjs")

    assert (finished.returncode, finished.stderr) == (1, b"")
    assert sorted((suite, name, outcome) for suite, _, name, _, _, outcome, _ in _tests(agent)) == [
        ("", "bad", "failed"),
        ("", "good", "passed"),
        ("", "off", "skipped"),
        ("outer", "inner", "passed"),
    ]


def _tests(agent: Agent) -> list[list[Any]]:
    found: list[list[Any]] = agent.records()[0]["evidence"]["tests"]
    return found


def _node_major() -> int:
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.lstrip("v").partition(".")[0])
