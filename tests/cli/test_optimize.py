from __future__ import annotations

import json
from pathlib import Path

import pytest

from makespan_cli.main import main

TWICE = """\
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
      - uses: actions/setup-node@v4
      - run: npm test
  docs:
    needs: test
    runs-on: ubuntu-latest
    steps:
      - run: make docs
"""
ONCE = TWICE.replace("      - uses: actions/setup-node@v4\n", "", 1)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ci.yml"
    path.write_text(TWICE)
    return path


def test_without_write_nothing_is_written_and_what_is_held_back_names_its_flag(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["optimize", "ci.yml"]) == 0
    printed = capsys.readouterr().out
    assert "ci.yml:8 step 'Run actions/setup-node@v4' of job 'test' repeats the set-up of line 7" in printed
    assert "1 finding held back; --evidence assumed admits them:" in printed
    assert "No history" in printed
    assert "\x1b" not in printed
    assert file.read_text() == TWICE


def test_write_replaces_the_file_by_the_verified_rewrite(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", "ci.yml", "--write"]) == 0
    assert file.read_text() == ONCE
    assert "ci.yml was rewritten." in capsys.readouterr().out


def test_diff_prints_a_unified_diff(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", "ci.yml", "--diff"]) == 0
    assert "--- a/ci.yml\n+++ b/ci.yml\n@@ -5,7 +5,6 @@\n" in capsys.readouterr().out


def test_json_has_findings_verification_and_output(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", "ci.yml", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(each["pass"], each["line"], each["applied"], each["reason"]) for each in printed["findings"]] == [
        ("repeated_setup", 8, True, None),
        ("needless_needs", 11, False, "needs --evidence assumed"),
    ]
    assert (printed["output"], printed["written"], printed["predicted"]) == (ONCE, False, None)
    assert printed["verified"]["checks"][:4] == ["parse", "commands", "ordering", "untouched text"]


def test_a_broken_workflow_is_answered_with_its_place_and_nothing_is_written(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = TWICE.replace("needs: test", "needs: tset")
    file.write_text(broken)
    assert main(["optimize", "ci.yml", "--write"]) == 3
    assert capsys.readouterr().err == (
        "makespan: ci.yml:11:12: job 'docs' needs 'tset', which does not exist (did you mean 'test'?)\n"
    )
    assert file.read_text() == broken


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--runs", "0"], 2), (["--store", "nowhere"], 4), (["--pipeline", "x"], 4)],
)
def test_options_that_cannot_hold_are_refused(file: Path, arguments: list[str], code: int) -> None:
    assert main(["optimize", "ci.yml", *arguments]) == code


def test_a_missing_file_is_a_broken_input(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", "other.yml"]) == 3
    assert capsys.readouterr().err == "makespan: other.yml: No such file or directory\n"
