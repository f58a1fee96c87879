from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from makespan_cli.main import main
from makespan_cli.rendering.sparkline import sparkline
from makespan_collector.store.opening import open_store
from makespan_model.errors import ExitCode
from support.span_rows import EPOCH, SECOND, run_rows


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sixty hourly runs; pytest takes 30 s, from the fortieth on 45 s, and a little more or less every time."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "store"
    with open_store(root) as store:
        for number in range(60):
            seconds = (30 if number < 40 else 45) + number % 3
            rows = run_rows(
                f"{number:03}", {"test": [("pytest", 0, seconds)]}, start_ns=EPOCH + number * 3_600 * SECOND
            )
            store.append(spans=rows)
    return root


def _found(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["regressions", "--json", *arguments]) == ExitCode.SUCCESS
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_regression_is_shown_with_the_run_it_began_with(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cause,) = _found(capsys, "--store", str(root))["causes"]
    assert cause["changes"][0]["first_bad"]["run_id"] == "040"
    assert cause["changes"][0]["before"] == pytest.approx(31)

    assert main(["regressions", "--store", str(root)]) == ExitCode.SUCCESS
    shown = capsys.readouterr().out
    assert "since run 040, last before: run 039" in shown
    assert "+48%" in shown
    assert "▁" in shown
    assert "█" in shown


def test_a_muted_cause_is_not_shown_until_it_is_reopened(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ("--store", str(root))
    change_id = _found(capsys, *store)["causes"][0]["id"]

    assert _found(capsys, *store, "--mute", change_id, "--until", "14d", "--note", "known") == {
        "id": change_id,
        "standing": "muted",
    }
    assert _found(capsys, *store)["causes"] == []
    assert _found(capsys, *store, "--all")["causes"][0]["standing"] == "muted"

    _found(capsys, *store, "--reopen", change_id)
    assert _found(capsys, *store)["causes"][0]["standing"] == "open"


def test_an_acknowledged_cause_is_shown_as_such(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ("--store", str(root))
    change_id = _found(capsys, *store)["causes"][0]["id"]
    _found(capsys, *store, "--ack", change_id)

    main(["regressions", *store])

    assert "acknowledged" in capsys.readouterr().out


def test_few_runs_are_said_to_be_too_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store(tmp_path / "few") as store:
        store.append(spans=run_rows("1", {"test": [("pytest", 0, 9)]}))

    assert main(["regressions", "--store", "few"]) == ExitCode.SUCCESS
    assert "not enough runs" in capsys.readouterr().out


@pytest.fixture
def branches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """main takes 30 s throughout; the newest twenty of sixty runs are of a feature branch, where it takes 45 s."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "branches"
    with open_store(root) as store:
        for number in range(60):
            is_main = number < 40
            seconds = (30 if is_main else 45) + number % 3
            rows = run_rows(
                f"{number:03}", {"test": [("pytest", 0, seconds)]}, start_ns=EPOCH + number * 3_600 * SECOND
            )
            store.append(spans=[replace(row, ref="main" if is_main else "feature/slow", event="push") for row in rows])
    return root


def test_another_branchs_level_is_no_regression_of_a_branch(branches: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ("--store", str(branches))
    assert len(_found(capsys, *store)["causes"]) == 1

    of_main = _found(capsys, *store, "--default-branch")
    assert (of_main["branch"], of_main["runs"], of_main["causes"]) == ("main", 40, [])
    assert _found(capsys, *store, "--branch", "feature/slow")["runs"] == 20

    main(["regressions", *store, "--default-branch"])
    assert "40 runs in 90 days on main (default branch by its name)" in capsys.readouterr().out


def test_a_branch_without_runs_is_named_with_the_nearest_one(
    branches: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["regressions", "--store", str(branches), "--branch", "feature/slw"]) == ExitCode.USAGE
    assert "feature/slow" in capsys.readouterr().err
    assert main(["regressions", "--store", str(root), "--default-branch"]) == ExitCode.USAGE
    assert "which branch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--ack", "nothing"], ExitCode.USAGE, "no cause 'nothing'"),
        (["--until", "3d"], ExitCode.USAGE, "--until goes with --mute"),
        (["--days", "0"], ExitCode.USAGE, "--days"),
        (["nosuch"], ExitCode.USAGE, "nosuch"),
    ],
)
def test_what_cannot_be_done_is_said(
    root: Path, arguments: list[str], code: ExitCode, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["regressions", "--store", str(root), *arguments]) == code
    assert message in capsys.readouterr().err


def test_a_broken_file_of_what_was_said_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(".makespan").mkdir()
    Path(".makespan/regressions.json").write_text("{")

    assert main(["regressions", "--store", str(root)]) == ExitCode.BAD_INPUT
    assert "regressions.json" in capsys.readouterr().err


def test_sparklines_go_from_the_lowest_to_the_highest_value() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, 5, 5], 10) == "▄▄▄"
    assert sparkline(list(range(1000)), 4) == "▁▃▆█"
    assert sparkline([], 4) == ""
