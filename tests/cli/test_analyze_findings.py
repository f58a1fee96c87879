"""What `makespan analyze` finds, remembers and shows, over a history in which something is wrong with everything."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from makespan_analytics.findings.ledger import CLOSE_AFTER_RUNS
from makespan_cli.main import main
from makespan_collector.store.opening import open_store
from makespan_model.errors import ExitCode
from makespan_model.records import CacheOutcome, JobRun, PipelineRun, Result
from support.pipeline_histories import history, history_rows
from support.pipeline_runs import job, step

RUNS = 60
DOCUMENT = Path(__file__).parents[2] / "docs" / "analytics.md"


def troubled(number: int, chance: random.Random, *, slower_from: int = 30) -> Sequence[JobRun]:
    """Tests that got slower, fail one time in ten for no reason, and wait half a minute for a runner."""
    test_s = (120 if number >= slower_from else 60) * chance.uniform(0.98, 1.02)
    result = Result.FAILURE if number % 10 == 9 else Result.SUCCESS
    build = job("build", 1, 21, step("compile", 1, 21, cpu_s=18.0), needs=(), queued_s=0)
    begun_s = 21 + chance.uniform(28, 32)
    test = job(
        "test",
        begun_s,
        begun_s + test_s,
        step("pytest", begun_s, begun_s + test_s, cpu_s=test_s, result=result),
        needs=("build",),
        queued_s=21,
        result=result,
    )
    outcome = CacheOutcome.MISS if number % 5 == 0 else CacheOutcome.HIT
    restore = replace(step("cache", 0, 1), cache_outcome=outcome)
    lint_s = 5 if outcome is CacheOutcome.HIT else 9
    lint = job("lint", 0, lint_s, restore, step("ruff", 1, lint_s), needs=())
    lint = replace(lint, runner_labels=("ours",))
    return [*(replace(item, runner_labels=("ubuntu-latest",)) for item in (build, test)), lint]


def calm(number: int, chance: random.Random) -> Sequence[JobRun]:
    """The same when all is mended, and nothing takes long."""
    items = troubled(number, chance, slower_from=10_000)
    return [replace(item, result=Result.SUCCESS, steps=tuple(map(_mended, item.steps))) for item in items]


def _mended(item: Any) -> Any:
    return replace(item, result=Result.SUCCESS)


def runs_of(count: int, jobs: Any = troubled) -> list[PipelineRun]:
    return history(count, jobs, commits_of=2)


@pytest.fixture
def store_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with the history, and the directory of the settings away from everything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    add(tmp_path / "store", runs_of(RUNS))
    return tmp_path / "store"


def add(path: Path, runs: Sequence[PipelineRun]) -> None:
    with open_store(path) as store:
        store.append(spans=history_rows(runs))


def analyze(*arguments: object) -> int:
    return main(["analyze", *map(str, arguments)])


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert analyze(*arguments) == ExitCode.SUCCESS
    return capsys.readouterr().out


def findings(capsys: pytest.CaptureFixture[str], store_dir: Path) -> dict[str, Any]:
    found = json.loads(printed(capsys, "--store", store_dir, "--findings", "--json"))
    return {f"{one['kind']} {one['subject']['key']}": one for one in found}


def test_what_to_do_first_comes_before_where_the_time_goes(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--store", store_dir)
    assert text.startswith("ci of octo/app: 20 runs, 3 unsuccessful left out")
    table, rest = text.split("Critical path of run")
    kinds = re.findall(r"^\d  (\w+)", table, re.MULTILINE)
    assert {"bottleneck", "regression", "queueing", "flakiness"} <= set(kinds)
    assert kinds[0] == "regression"
    assert "rose from" in table
    assert rest.index("job and step") < rest.index("what if it took") < rest.index("waiting for runners")
    assert rest.index("waiting for runners") < rest.index("flaky")
    assert "USD a month, 0.018 a run; unpriced: 60 of 180 jobs" in table
    assert "next run: about 2 min" in table
    assert "cost grows" not in table


def test_what_steps_are_bound_by_and_what_times_differ_by_are_sections_of_their_own(
    store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "--store", store_dir)
    used = text[text.index("what steps use") :].splitlines()
    assert re.search(r"^test › pytest +CPU-bound on one core +1\.0 ", used[1])
    differ = text[text.index("what times differ by") :].splitlines()
    # The tests take twice as long from one commit on.
    assert any(re.match(r"commit .* \d+ % ", line) for line in differ[1:4])
    assert "set-up before work" not in text


def test_a_job_that_prepares_long_before_it_works_is_said_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def preparing(number: int, chance: random.Random) -> Sequence[JobRun]:
        del number
        took_s = 60 * chance.uniform(0.9, 1.1)
        install = step("pip install -r requirements.txt", 0, 20)
        return [job("test", 0, 20 + took_s, install, step("pytest", 20, 20 + took_s), needs=())]

    add(tmp_path / "store", runs_of(20, preparing))
    text = printed(capsys, "--store", tmp_path / "store")
    setup = text[text.index("set-up before work") :].splitlines()
    assert re.match(r"test +20\.0 s +25 % +20$", setup[1])
    assert "what steps use" not in text


@pytest.mark.parametrize("columns", [80, 120])
def test_every_line_fits_the_terminal(
    store_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for arguments in ((), ("--findings",)):
        lines = printed(capsys, "--store", store_dir, *arguments).splitlines()
        assert [line for line in lines if len(line) > columns] == []


def test_nothing_is_coloured_where_nobody_looks(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b" not in printed(capsys, "--store", store_dir)


def test_what_is_well_has_no_section(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def well(number: int, chance: random.Random) -> Sequence[JobRun]:
        del number, chance
        return [job("a", 0, 2, step("x", 0, 2), needs=(), queued_s=0)]

    add(tmp_path / "store", runs_of(30, well))
    text = printed(capsys, "--store", tmp_path / "store")
    assert not re.search("flaky|waiting for runners|regression|cost|not enough", text)


def test_a_job_without_known_steps_is_not_called_overhead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def stepless(number: int, chance: random.Random) -> Sequence[JobRun]:
        del number
        return [job("build", 0, chance.uniform(59, 61), needs=())]

    add(tmp_path / "store", runs_of(20, stepless))
    text = printed(capsys, "--store", tmp_path / "store")
    assert "overhead" not in text
    assert text.count("steps not known") == 3
    assert re.search(r"^1  bottleneck +build ", text, re.MULTILINE)
    assert "job and step" not in text


def test_too_few_runs_are_said_and_nothing_is_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    add(tmp_path / "store", runs_of(2))
    text = printed(capsys, "--store", tmp_path / "store")
    assert "not enough runs for bottlenecks: 3 runs are needed, there are 2" in text
    assert "not enough runs for regressions: 10 successful runs are needed, there are 2" in text
    assert "what if" not in text
    found = json.loads(printed(capsys, "--store", tmp_path / "store", "--json"))
    assert found["findings"] == []
    assert {one["what"] for one in found["not_enough"]} >= {"bottlenecks", "regressions", "queueing"}


def test_every_documented_key_exists_and_every_key_is_documented(
    store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    block = DOCUMENT.read_text("utf-8").split("```json\n")[1].split("```")[0]
    weeks = store_dir.with_name("weeks")
    add(weeks, history(RUNS, troubled, commits_of=2, every_s=86_400))
    rich = json.loads(printed(capsys, "--store", weeks, "--json"))
    few = json.loads(printed(capsys, "--store", store_dir, "--json", "--runs", 1))
    assert shape(json.loads(block)) == shape([rich, few])[0]


def shape(value: object) -> Any:
    """Keys alone; of a list, the keys that any item has."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        merged: dict[str, Any] = {}
        for item in value:
            merged = merge(merged, shape(item)) if isinstance(item, dict) else merged
        return [merged]
    return None


def merge(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: merge(one.get(key), other.get(key)) for key in {**one, **other}}
    if isinstance(one, list) and isinstance(other, list):
        return [merge(one[0], other[0])]
    return other if one is None else one


def test_all_findings_are_shown_with_their_evidence_and_runs(
    store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "--store", store_dir, "--findings")
    assert "commits with both outcomes: 6 commits" in text
    assert "(runs 19, 29, 39, 49, 59)" in text
    assert "effect:" in text
    assert "Critical path" not in text


def test_findings_that_go_away_are_closed_and_those_that_come_back_are_opened_again(
    store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queueing = "queueing ubuntu-latest"
    assert findings(capsys, store_dir)[queueing]["status"] == "open"

    def no_queue(number: int, chance: random.Random) -> Sequence[JobRun]:
        build, test, lint = troubled(number, chance)
        begun_ns = test.start_ns - 1_000_000_000
        return [build, replace(test, queued_ns=begun_ns, needs=None), lint]

    def bad_good_bad(number: int, chance: random.Random) -> Sequence[JobRun]:
        good = RUNS <= number < 3 * RUNS
        return no_queue(number, chance) if good else troubled(number, chance)

    whole = runs_of(5 * RUNS, bad_good_bad)
    add(store_dir, whole[RUNS : RUNS + CLOSE_AFTER_RUNS // 2])
    assert findings(capsys, store_dir)[queueing]["status"] == "open"
    add(store_dir, whole[RUNS + CLOSE_AFTER_RUNS // 2 : 3 * RUNS])
    closed = findings(capsys, store_dir)[queueing]
    assert [event["status"] for event in closed["events"]] == ["open", "closed"]
    assert "closed" in printed(capsys, "--store", store_dir, "--findings")
    assert not re.search(r"^\d  queueing", printed(capsys, "--store", store_dir), re.MULTILINE)
    add(store_dir, whole[3 * RUNS :])
    again = findings(capsys, store_dir)[queueing]
    assert [event["status"] for event in again["events"]] == ["open", "closed", "open"]
    assert again["first_seen_ns"] == closed["first_seen_ns"]
    assert "(opened again)" in printed(capsys, "--store", store_dir)


def test_a_muted_finding_is_not_shown_and_an_acknowledged_one_is_marked(
    store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings(capsys, store_dir)
    muted, known = found["queueing ubuntu-latest"]["id"], found["flakiness step"]["id"]
    assert printed(capsys, "--store", store_dir, "--mute", muted, "--note", "the pool grows in May") == (
        f"{muted} is muted\n"
    )
    printed(capsys, "--store", store_dir, "--ack", known)
    text = printed(capsys, "--store", store_dir)
    assert muted not in text
    assert "1 muted" in text
    assert f"{known} (acknowledged)" in text
    assert f"{muted} (muted)" in printed(capsys, "--store", store_dir, "--findings")
    printed(capsys, "--store", store_dir, "--reopen", muted)
    assert findings(capsys, store_dir)["queueing ubuntu-latest"]["standing"] == "open"


def test_a_regression_that_was_muted_as_a_change_is_muted_as_a_finding(
    store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings(capsys, store_dir)
    known = next(one["id"] for one in found.values() if one["kind"] == "regression")
    assert main(["regressions", "--store", str(store_dir), "--mute", known]) == ExitCode.SUCCESS
    capsys.readouterr()
    assert known not in printed(capsys, "--store", store_dir)


def test_an_unknown_id_is_answered_with_where_to_find_them(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze("--store", store_dir, "--mute", "nothing") == ExitCode.USAGE
    assert "no finding 'nothing'; `makespan analyze --findings` shows them" in capsys.readouterr().err
    assert analyze("--store", store_dir, "--until", "3d") == ExitCode.USAGE


def test_a_broken_ledger_is_told_and_left_alone(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "--store", store_dir)
    (path,) = (store_dir / "findings").iterdir()
    path.write_text("not ours")
    assert analyze("--store", store_dir) == ExitCode.SUCCESS
    told = capsys.readouterr()
    assert f"{path}:1: not a ledger of findings" in told.err
    assert "bottleneck" in told.out
    assert path.read_text() == "not ours"


def test_a_store_that_cannot_be_written_is_analysed_all_the_same(
    store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (store_dir / "findings").write_text("in the way")
    assert analyze("--store", store_dir) == ExitCode.SUCCESS
    told = capsys.readouterr()
    assert "it is not kept what becomes of findings" in told.err
    assert "bottleneck" in told.out


def test_a_cost_that_grows_beyond_chance_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def growing(number: int, chance: random.Random) -> Sequence[JobRun]:
        took_s = (600 + 60 * (number // 21)) * chance.uniform(0.99, 1.01)
        return [replace(job("a", 0, took_s, step("x", 0, took_s), needs=()), runner_labels=("ubuntu-latest",))]

    add(tmp_path / "store", runs_of(21 * 14, growing))
    text = printed(capsys, "--store", tmp_path / "store")
    assert re.search(r"^cost grows by 0\.\d\d USD a week each week; next 90 days: \d", text, re.MULTILINE)
    assert re.search(r"^next run: about 2\d min", text, re.MULTILINE)


def test_own_runners_prices_of_the_settings_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def own(number: int, chance: random.Random) -> Sequence[JobRun]:
        return [replace(item, runner_labels=("ours",)) for item in calm(number, chance)]

    add(tmp_path / "store", runs_of(30, own))
    assert json.loads(printed(capsys, "--store", tmp_path / "store", "--json"))["cost"]["usd"] == 0
    (tmp_path / ".makespan.toml").write_text("[runner_usd_per_hour]\nours = 3.6\n")
    found = json.loads(printed(capsys, "--store", tmp_path / "store", "--json"))
    assert found["cost"]["usd"] == pytest.approx(30 * 86 * 0.001, rel=0.02)
