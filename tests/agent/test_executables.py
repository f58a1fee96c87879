from __future__ import annotations

import os
from pathlib import Path

import pytest

from makespan_agent.executables import CannotStartError, find_executable, spawn


def _run(words: list[str]) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(spawn(words, dict(os.environ), set()), 0)[1])


def test_the_first_executable_of_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, mode in (("plain", 0o644), ("first", 0o755), ("second", 0o755)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").touch(mode=mode)
    (tmp_path / "folder" / "tool").mkdir(parents=True)
    monkeypatch.setenv(
        "PATH", ":".join(str(tmp_path / name) for name in ("none", "folder", "plain", "first", "second"))
    )

    assert find_executable("tool") == str(tmp_path / "first" / "tool")


def test_an_empty_path_entry_is_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tool").touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ":/nowhere")

    assert find_executable("tool") == "tool"


def test_a_script_without_an_interpreter_line_is_run_by_sh_as_shells_do(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text('exit "$1"')
    script.chmod(0o755)

    assert _run([str(script), "7"]) == 7


def _make(path: Path, kind: str) -> Path:
    if kind == "directory":
        path.mkdir()
    elif kind == "not executable":
        path.write_text("x")
    elif kind == "interpreter missing":
        path.write_text("#!/no/such/interpreter\n")
        path.chmod(0o755)
    elif kind == "below a file":
        path.parent.joinpath("file").write_text("x")
        return path.parent / "file" / "below"
    return path


# bash 5.2's answers to the same files.
@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        ("missing", 127),
        ("interpreter missing", 127),
        ("directory", 126),
        ("not executable", 126),
        ("below a file", 126),
    ],
)
def test_what_cannot_be_started_gets_a_shells_exit_code(tmp_path: Path, kind: str, exit_code: int) -> None:
    path = _make(tmp_path / "tool", kind)

    with pytest.raises(CannotStartError, match=r"tool|below") as caught:
        spawn([str(path)], dict(os.environ), set())

    assert caught.value.exit_code == exit_code


def test_a_name_whose_only_file_is_not_executable_is_126(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tool").write_text("x")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CannotStartError, match="is not executable") as caught:
        spawn(["tool"], dict(os.environ), set())

    assert caught.value.exit_code == 126
