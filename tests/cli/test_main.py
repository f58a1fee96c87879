"""The command line as a whole: finding commands, help, errors, and the page that lists them."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from makespan_agent.command_line import RUN_HELP, SHELL_HELP
from makespan_cli.main import load_command, main
from makespan_cli.registry import AGENT_COMMANDS, COMMANDS
from makespan_model.errors import ExitCode, RefusedError, UnavailableError, UsageError, WorkflowError

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "commands.md").read_text("utf-8")


def _makespan(*arguments: str, cwd: Path, script: str = "") -> subprocess.CompletedProcess[str]:
    """Run it as a process; `script` is Python that runs before `main`."""
    command = [sys.executable, "-P", "-m", "makespan_cli.main"]
    if script:
        command = [sys.executable, "-P", "-c", f"{script}\nimport sys, makespan_cli.main as m\nsys.exit(m.main())"]
    return subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _options(help_text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", help_text)) - {"--help"}


def _rows() -> dict[str, list[str]]:
    """The cells of the page's table by command."""
    rows = {}
    for line in PAGE.splitlines():
        match = re.match(r"\| `makespan (\w+)", line)
        if match:
            rows[match[1]] = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    return rows


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_the_overview_names_every_command(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    for name in (*AGENT_COMMANDS, *COMMANDS):
        assert re.search(rf"^  {name} +\S", shown, re.MULTILINE), name


def test_help_before_a_command_is_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["help", "flush"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: makespan flush")


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"makespan \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_an_unknown_command_is_answered_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimise"]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert error == "makespan: no command 'optimise' (did you mean 'optimize'?); `makespan --help` lists them\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_parser_an_execution_and_says_what_it_does(name: str) -> None:
    command = load_command(name)
    assert command.__doc__ is not None
    assert re.match(r"\S.{10,}\.", command.__doc__)
    parser = argparse.ArgumentParser()
    command.configure(parser)
    assert callable(command.execute)


def test_every_file_of_the_commands_is_in_the_registry() -> None:
    files = {path.stem for path in (ROOT / "cli/makespan_cli/commands").glob("*.py")} - {"__init__"}
    assert files == {module for module, _ in COMMANDS.values()}


def test_the_page_lists_the_commands_in_the_order_of_the_overview() -> None:
    assert list(_rows()) == [*AGENT_COMMANDS, *COMMANDS]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_lists_every_option_of_a_command_and_no_other(name: str) -> None:
    parser = argparse.ArgumentParser()
    load_command(name).configure(parser)
    assert _options(_rows()[name][2]) == _declared(parser) - {"--help"}


def _declared(parser: argparse.ArgumentParser) -> set[str]:
    """Long options of a parser and of its subcommands."""
    found: set[str] = set()
    for action in parser._actions:
        found |= {text for text in action.option_strings if text.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*map(_declared, action.choices.values()))
    return found


def test_the_page_lists_the_options_of_the_agents_commands() -> None:
    rows = _rows()
    run = _options(RUN_HELP) - {"--"}
    assert _options(rows["run"][2]) == run
    assert _options(rows["shell"][2]) | run == _options(SHELL_HELP)


def test_the_page_explains_every_exit_code() -> None:
    for code in ExitCode:
        assert re.search(rf"^\| {int(code)} \| \w", PAGE, re.MULTILINE), code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("UsageError('x')", 2),
        ("WorkflowError('x', file='f', line=1, column=2)", 3),
        ("UnavailableError('x')", 4),
        ("RefusedError('x')", 5),
        ("KeyboardInterrupt()", 130),
        ("PermissionError(13, 'Permission denied', '/f')", 1),
    ],
)
def test_an_error_ends_with_its_code_and_one_line(
    error: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {each.__name__: each for each in (UsageError, WorkflowError, UnavailableError, RefusedError)}

    def fail(_arguments: argparse.Namespace) -> int:
        raise eval(error, dict(known))

    monkeypatch.setattr(load_command("flush"), "execute", fail)
    assert main(["flush"]) == code
    assert re.fullmatch(r"makespan: [^\n]+\n", capsys.readouterr().err)


def test_an_option_nobody_knows_is_a_usage_error(tmp_path: Path) -> None:
    finished = _makespan("flush", "--nonsense", cwd=tmp_path)
    assert finished.returncode == 2
    assert "--nonsense" in finished.stderr


@pytest.mark.parametrize(
    ("package", "command"), [("rich", "analyze"), ("yaml", "optimize"), ("duckdb", "analyze"), ("granian", "serve")]
)
def test_a_package_that_is_not_installed_is_named_with_the_way_to_get_it(
    tmp_path: Path, package: str, command: str
) -> None:
    (tmp_path / "ci.yml").write_text("on: push\njobs: {a: {runs-on: x, steps: [{run: x}]}}\n")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "format").write_text("1\n")
    hide = f"import sys; sys.modules[{package!r}] = None"
    arguments = {
        "optimize": ("ci.yml",),
        "analyze": ("--store", "store"),
        "serve": ("--port", "0", "--store", "made"),
    }[command]
    finished = _makespan(command, *arguments, cwd=tmp_path, script=hide)
    assert finished.returncode == ExitCode.UNAVAILABLE, finished.stderr
    assert finished.stderr == (
        f"makespan: `makespan {command}` needs the package {package!r}; install it with: pip install 'makespan[all]'\n"
    )


@pytest.mark.parametrize("arguments", [["doctor", "--json"], ["--help"]])
def test_a_reader_that_has_seen_enough_gets_no_complaint(tmp_path: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "makespan_cli.main", *arguments],
        cwd=tmp_path,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    _, errors = process.communicate(timeout=60)
    assert errors == ""
    assert process.returncode == 0


def test_no_command_is_imported_for_the_overview(tmp_path: Path) -> None:
    script = (
        "import atexit, sys\n"
        "def told():\n"
        "    heavy = {'rich', 'yaml', 'duckdb', 'pyarrow', 'flask', 'psutil', 'opentelemetry'}\n"
        "    print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
        "atexit.register(told)"
    )
    finished = _makespan("--help", cwd=tmp_path, script=script)
    assert finished.returncode == 0
    assert finished.stderr == "[]\n"
