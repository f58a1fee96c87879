from __future__ import annotations

from pathlib import Path

import pytest

from makespan_agent.command_line import WrongUsageError
from makespan_agent.shells import shell_words, text_words


# GitHub Docs, "Workflow syntax", jobs.<job_id>.steps[*].shell, column "Command run internally".
@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", ["bash", "--noprofile", "--norc", "-eo", "pipefail", "/s"]),
        ("sh", ["sh", "-e", "/s"]),
        ("python", ["python", "/s"]),
        ("pwsh", ["pwsh", "-command", ". '/s'"]),
        ("perl {0}", ["perl", "/s"]),
        ("env -S 'a b' {0} end", ["env", "-S", "a b", "/s", "end"]),
        # GitHub has filled in {0} in the template as well.
        ("perl -w /s", ["perl", "-w", "/s"]),
    ],
)
def test_a_shell_is_called_as_github_calls_it(shell: str, words: list[str]) -> None:
    assert shell_words(shell, "/s") == words


@pytest.mark.parametrize("script", [None, "{0}"])
def test_a_template_that_holds_the_script_needs_no_other(script: str | None) -> None:
    assert shell_words('perl -w "/a b"', script) == ["perl", "-w", "/a b"]


@pytest.mark.parametrize("shell", [None, "bash", "perl {0}"])
def test_without_a_script_nothing_is_run(shell: str | None) -> None:
    with pytest.raises(WrongUsageError, match="no script"):
        shell_words(shell, None)


def test_an_omitted_shell_is_bash_without_pipefail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bash").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert shell_words(None, "/s") == ["bash", "-e", "/s"]


def test_an_omitted_shell_is_sh_where_there_is_no_bash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert shell_words(None, "/s") == ["sh", "-e", "/s"]


@pytest.mark.parametrize("shell", ["fish", "bash -x", "perl 'unclosed {0}"])
def test_a_template_that_cannot_run_the_script_is_refused(shell: str) -> None:
    with pytest.raises(WrongUsageError, match="--as"):
        shell_words(shell, "/s")


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        (None, ["/bin/sh", "-c", "x; y", "a"]),
        ("bash -eo pipefail", ["bash", "-eo", "pipefail", "-c", "x; y", "a"]),
        ("env -S 'a b'", ["env", "-S", "a b", "-c", "x; y", "a"]),
    ],
)
def test_a_command_text_is_run_as_sh_c_runs_it(shell: str | None, words: list[str]) -> None:
    assert text_words(shell, "x; y", ["a"]) == words


@pytest.mark.parametrize("shell", ["perl {0}", " ", "bash 'unclosed"])
def test_a_shell_that_cannot_run_a_text_is_refused(shell: str) -> None:
    with pytest.raises(WrongUsageError, match="--as"):
        text_words(shell, "x", [])
