from __future__ import annotations

import os
from pathlib import Path

import pytest

from makespan_agent.junit.report_files import find_reports

WRITTEN_NS = 1_700_000_000_000_000_000


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in ("a.xml", "b.txt", "sub/c.xml", "sub/deep/d.xml", ".hidden/e.xml", "sub/.f.xml", "x/TEST-1.xml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<t/>")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "folder.xml").mkdir()
    return tmp_path


def found(workspace: Path, *patterns: str, since_ns: int = 0) -> list[str]:
    paths = find_reports(patterns, str(workspace), since_ns, lambda: False)
    return [os.path.relpath(path, workspace) for path in paths]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.xml", ["a.xml"]),
        ("./a.xml", ["a.xml"]),
        ("*.xml", ["a.xml"]),
        ("**/*.xml", ["a.xml", "sub/c.xml", "sub/deep/d.xml", "x/TEST-1.xml"]),
        ("sub/**", ["sub/c.xml", "sub/deep/d.xml"]),
        ("sub/**/d.xml", ["sub/deep/d.xml"]),
        ("**/deep/*", ["sub/deep/d.xml"]),
        ("*/TEST-[0-9].xml", ["x/TEST-1.xml"]),
        (".hidden/*.xml", [".hidden/e.xml"]),
        ("sub/.*.xml", ["sub/.f.xml"]),
        ("nowhere/**/*.xml", []),
        ("sub/../a.xml", ["sub/../a.xml"]),
    ],
)
def test_globs_match_as_in_a_shell(workspace: Path, pattern: str, names: list[str]) -> None:
    expected = [os.path.normpath(name) for name in names]

    assert found(workspace, pattern) == expected


def test_an_absolute_glob_is_taken_as_it_is(workspace: Path) -> None:
    assert found(workspace, f"{workspace}/sub/*.xml") == ["sub/c.xml"]


def test_a_file_that_two_globs_match_comes_once(workspace: Path) -> None:
    assert found(workspace, "a.xml", "*.xml") == ["a.xml"]


def test_only_files_written_during_the_step_count(workspace: Path) -> None:
    os.utime(workspace / "a.xml", ns=(0, WRITTEN_NS - 1_000_000_000))
    os.utime(workspace / "sub/c.xml", ns=(0, WRITTEN_NS + 1))
    os.utime(workspace / "sub/deep/d.xml", ns=(0, WRITTEN_NS - 1_000_000))  # Within the kernel clock's grain.

    assert found(workspace, "a.xml", "sub/**/*.xml", since_ns=WRITTEN_NS) == ["sub/c.xml", "sub/deep/d.xml"]


def test_no_directory_is_read_once_the_time_is_up(workspace: Path) -> None:
    assert find_reports(["**/*.xml"], str(workspace), 0, lambda: True) == []
