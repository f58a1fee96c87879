from __future__ import annotations

import pytest

from makespan_agent.command_line import WrongUsageError, parse_command_line


@pytest.mark.parametrize(
    ("arguments", "step", "words"),
    [
        (["--", "make", "-j2"], None, ["make", "-j2"]),
        (["make", "--", "-j2"], None, ["make", "--", "-j2"]),
        (["--step", "Build", "--", "make"], "Build", ["make"]),
        (["--step=Build", "make", "--step"], "Build", ["make", "--step"]),
        (["--", "--help"], None, ["--help"]),
    ],
)
def test_options_end_where_the_command_starts(arguments: list[str], step: str | None, words: list[str]) -> None:
    found = parse_command_line("run", arguments)

    assert (found.step, found.words) == (step, words)


def test_a_shell_takes_its_template_and_one_script() -> None:
    found = parse_command_line("shell", ["--as", "bash", "--step", "Lint", "/tmp/script"])

    assert (found.shell, found.step, found.words) == ("bash", "Lint", ["/tmp/script"])


def test_a_template_may_hold_the_script_itself() -> None:
    assert parse_command_line("shell", ["--as", "perl /tmp/script"]).words == []


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("run", ["--as", "bash", "x"], "unknown option '--as'"),
        ("run", ["--step"], "--step` needs a value"),
        ("run", ["--step="], "not empty"),
        ("run", ["--step", "x"], "needs a command"),
        ("run", ["-c", "x"], "unknown option '-c'"),
        ("run", ["--attempt", "0", "x"], "--attempt` must be a whole number from 1 up, not '0'"),
        ("run", ["--attempt=two", "x"], "not 'two'"),
        ("run", ["--job=", "x"], "not empty"),
        ("shell", ["-c"], "-c` needs a value"),
        ("shell", ["a", "b"], "one script file, not 2"),
        ("shell", ["--as", "bash"], "one script file, not 0"),
        ("shell", [], "one script file, not 0"),
    ],
)
def test_a_wrong_command_line_is_answered_with_what_is_wrong(command: str, arguments: list[str], message: str) -> None:
    with pytest.raises(WrongUsageError, match=message):
        parse_command_line(command, arguments)


@pytest.mark.parametrize("command", ["run", "shell"])
def test_options_of_the_identity_stand_for_its_variables(command: str) -> None:
    options = ["--job", "build", "--pipeline=release", "--run-id", "7", "--repository", "o/r", "--attempt", "2"]
    found = parse_command_line(command, [*options, "x"])

    assert found.words == ["x"]
    assert found.variables == {
        "MAKESPAN_JOB": "build",
        "MAKESPAN_PIPELINE": "release",
        "MAKESPAN_RUN_ID": "7",
        "MAKESPAN_REPOSITORY": "o/r",
        "MAKESPAN_RUN_ATTEMPT": "2",
    }


@pytest.mark.parametrize(
    ("arguments", "text", "words"),
    [
        (["-c", "make all"], "make all", []),
        (["--command=make all", "--step", "x"], "make all", ["--step", "x"]),
        (["--as", "bash", "-c", "echo $1", "sh", "--", "-c"], "echo $1", ["sh", "--", "-c"]),
    ],
)
def test_all_that_follows_a_command_text_belongs_to_it(arguments: list[str], text: str, words: list[str]) -> None:
    found = parse_command_line("shell", arguments)

    assert (found.text, found.words, found.step) == (text, words, None)


def test_options_of_evidence_stand_for_variables() -> None:
    found = parse_command_line(
        "run",
        [
            "--junit",
            "a:b.xml",
            "--junit=c.xml",
            "--trace-files",
            "--capture-arguments",
            "--capture-environment=A,B",
            "x",
        ],
    )

    assert found.variables == {
        "MAKESPAN_JUNIT": "a:b.xml\nc.xml\n",
        "MAKESPAN_TRACE_FILES": "1",
        "MAKESPAN_CAPTURE_ARGUMENTS": "1",
        "MAKESPAN_CAPTURE_ENVIRONMENT": "A,B",
    }
    assert found.words == ["x"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trace-files=yes", "x"], "takes no value"),
        (["--capture-arguments=1", "x"], "takes no value"),
        (["--junit"], "needs a value"),
        (["--capture-environment", "A=b", "x"], "names without values, not 'A=b'"),
        (["--capture-environment", "A,,B", "x"], "names without values"),
    ],
)
def test_a_wrong_option_of_evidence_is_answered_with_what_is_wrong(arguments: list[str], message: str) -> None:
    with pytest.raises(WrongUsageError, match=message):
        parse_command_line("shell", arguments)
