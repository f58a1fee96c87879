from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from makespan_cli.main import main
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.errors import ExitCode
from support.span_rows import EPOCH, SECOND, run_rows

WORKFLOW = """\
name: ci
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: make
  test:
    needs: build
    runs-on: ubuntu-latest
    steps:
      - run: pytest
  lint:
    runs-on: ubuntu-latest
    steps:
      - run: ruff check
"""
# `lint` is slow where `test` is: both come from one machine.
RUNS = 40


def jobs_of(number: int) -> dict[str, list[tuple[str, int, int]]]:
    slow = 2 if number % 4 == 0 else 1
    return {
        "build": [("Run make", 5, 65)],
        "test": [("Run pytest", 70, 70 + 100 * slow)],
        "lint": [("Run ruff check", 5, 5 + 20 * slow)],
    }


def on_linux(row: SpanRow) -> SpanRow:
    return replace(row, runner_labels=("ubuntu-latest",)) if row.kind is SpanKind.JOB else row


def fill(path: Path, runs: int = RUNS) -> None:
    with open_store(path) as store:
        for number in range(runs):
            start_ns = EPOCH + number * 600 * SECOND
            rows = run_rows(str(number), jobs_of(number), start_ns=start_ns, needs={"test": ("build",)})
            store.append(spans=[on_linux(row) for row in rows])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ci.yml").write_text(WORKFLOW)
    return tmp_path


@pytest.fixture
def recorded(folder: Path) -> Path:
    fill(folder / "store")
    return folder


def as_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["simulate", *map(str, arguments), "--json"]) == ExitCode.SUCCESS
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_makespans_are_those_of_the_recorded_runs(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "ci.yml", "--store", "store")
    # Build 5 + 60, then 5 s later the tests: 170 s in three runs of four, 270 s in the fourth.
    assert found["makespan_s"]["p50"]["value"] == pytest.approx(170)
    assert found["makespan_s"]["p95"]["value"] == pytest.approx(270)
    assert found["makespan_s"]["mean"]["value"] == pytest.approx(195, abs=4 * found["makespan_s"]["mean"]["error"])
    test = next(job for job in found["jobs"] if job["name"] == "test")
    assert test["recorded_runs"] == RUNS
    assert test["source"] == "recorded"
    assert test["critical"]["value"] == 1


def test_the_page_says_where_durations_come_from(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "ci.yml", "--store", "store", "--assume", "lint=400"]) == ExitCode.SUCCESS
    text = capsys.readouterr().out
    assert "History: 40 runs of 'ci'." in text
    assert "ci.yml: 2000 simulated runs" in text
    rows = {line.split()[0]: line.split()[-1] for line in text.splitlines() if line.startswith(("build", "lint"))}
    assert rows == {"build": "runs", "lint": "assumed"}
    assert "p50 6 min 45 s" in text  # The linter begins after 5 s and takes 400 s now.
    assert "█" in text
    assert "\x1b" not in text


def test_minutes_are_rounded_up_for_every_job(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "ci.yml", "--store", "store")
    # 60 s, 100 or 200 s, and 20 or 40 s are 1 + (2 or 4) + 1 minutes at 0.006 USD.
    assert found["usd"]["p50"]["value"] == pytest.approx(0.006 * 4)
    assert found["usd"]["p95"]["value"] == pytest.approx(0.006 * 6)


def test_the_same_seed_prints_the_same_bytes_in_another_process(recorded: Path) -> None:
    def printed(seed: int, hash_seed: str) -> bytes:
        command = [sys.executable, "-m", "makespan_cli.main", "simulate", "ci.yml", "--store", "store", "--json"]
        options = ["--runs", "300", "--runners", "ubuntu-latest=1", "--arrivals", "6", "--seed", str(seed)]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run([*command, *options], check=True, capture_output=True, env=environment).stdout

    assert printed(1, "1") == printed(1, "2")
    assert printed(1, "1") != printed(2, "1")


def test_runs_that_share_one_runner_wait_and_keep_it_busy(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = as_json(capsys, "ci.yml", "--store", "store", "--runs", 400)
    shared = as_json(
        capsys, "ci.yml", "--store", "store", "--runs", 400, "--runners", "ubuntu-latest=1", "--arrivals", 12
    )
    (pool,) = shared["pools"]
    # 60 + 125 + 25 s of work twelve times an hour.
    assert pool["utilisation"]["value"] == pytest.approx(0.7, abs=0.05)
    assert pool["wait_s"]["mean"]["value"] > 60
    assert shared["makespan_s"]["p50"]["value"] > alone["makespan_s"]["p50"]["value"] + 60


def test_runners_take_as_long_to_start_as_they_did(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(recorded / "queued") as store:
        for number in range(RUNS):
            rows = run_rows(
                str(number), jobs_of(number), start_ns=EPOCH + number * 600 * SECOND, needs={"test": ("build",)}
            )
            queued = [
                replace(on_linux(row), queued_ns=row.start_ns - 4 * SECOND) if row.kind is SpanKind.JOB else row
                for row in rows
            ]
            store.append(spans=queued)
    pool = ["--runners", "ubuntu-latest=3"]
    found = as_json(capsys, "ci.yml", "--store", "queued", *pool)
    assert found["question"]["startup_s"] == {"ubuntu-latest": 4.0}
    assert found["makespan_s"]["p50"]["value"] == pytest.approx(4 + 60 + 4 + 100)
    without = as_json(capsys, "ci.yml", "--store", "store", *pool)
    assert without["makespan_s"]["p50"]["value"] == pytest.approx(160)
    assert any("too few recorded queue times" in warning for warning in without["warnings"])


def test_recorded_arrivals_come_as_often_as_they_did(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(
        capsys, "ci.yml", "--store", "store", "--runs", 100, "--runners", "ubuntu-latest=4", "--arrivals", "recorded"
    )
    assert found["question"]["arrivals_per_hour"] == pytest.approx(6)


def test_runners_that_cannot_keep_up_are_refused_with_the_number_that_can(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["simulate", "ci.yml", "--store", "store", "--runners", "ubuntu-latest=1", "--arrivals", "30"]
    assert main(command) == ExitCode.BAD_INPUT
    assert "cannot keep up with 30 runs an hour" in (told := capsys.readouterr().err)
    assert "at least 2 are needed" in told


def test_without_history_it_refuses_and_names_the_jobs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "ci.yml", "--assume", "build=10"]) == ExitCode.BAD_INPUT
    assert "no recorded run tells how long these jobs take: lint, test" in capsys.readouterr().err


def test_assumed_durations_are_enough(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assumed = [
        word
        for job, seconds in (("build", 10), ("test", 20), ("lint", 25))
        for word in ("--assume", f"{job}={seconds}")
    ]
    found = as_json(capsys, "ci.yml", *assumed)
    assert found["makespan_s"]["p50"]["value"] == 30
    assert {job["source"] for job in found["jobs"]} == {"assumed"}


def test_four_runs_are_said_to_be_too_few(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder / "store", runs=4)
    assert main(["simulate", "ci.yml", "--store", "store"]) == ExitCode.SUCCESS
    text = " ".join(capsys.readouterr().out.split())
    assert "not enough runs (under 5) to speak of a distribution: build, lint, test" in text
    assert "4 recorded runs are too few to tell which jobs are slow together" in text


def test_a_second_file_is_compared_with_the_same_chance(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recorded / "free.yml").write_text(WORKFLOW.replace("    needs: build\n", ""))
    found = as_json(capsys, "ci.yml", "--store", "store", "--compare", "free.yml")
    saved = found["compared"]["difference"]["saved_s"]
    # The tests start 65 s earlier in every run: nothing varies, so there is no error.
    assert saved["p50"]["value"] == pytest.approx(65)
    assert saved["mean"]["error"] == pytest.approx(0, abs=1e-9)
    assert found["compared"]["difference"]["sooner"]["value"] == 1
    assert main(["simulate", "ci.yml", "--store", "store", "--compare", "free.yml"]) == ExitCode.SUCCESS
    assert "a run ends 1 min 05 s ± 0.00 s sooner (median)" in " ".join(capsys.readouterr().out.split())


def test_files_that_share_runners_with_other_runs_meet_the_same_chance(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recorded / "same.yml").write_text(WORKFLOW)
    (recorded / "free.yml").write_text(WORKFLOW.replace("    needs: build\n", ""))
    pool = ["--store", "store", "--runs", 400, "--runners", "ubuntu-latest=2", "--arrivals", 15]
    same = as_json(capsys, "ci.yml", *pool, "--compare", "same.yml")["compared"]["difference"]
    assert (same["sooner"]["value"], same["later"]["value"]) == (0, 0)
    free = as_json(capsys, "ci.yml", *pool, "--compare", "free.yml")["compared"]["difference"]
    # Every run comes at the same time with the same durations: most of what varies is in both.
    assert 0 < free["saved_s"]["p50"]["value"] <= 65
    assert free["saved_s"]["mean"]["error"] < 5


MERGED = """\
name: ci
on: push
jobs:
  all:
    runs-on: ubuntu-latest
    steps:
      - run: make
      - run: ruff check
      - run: pytest
"""


def test_a_merged_job_takes_the_steps_it_was_made_of(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recorded / "merged.yml").write_text(MERGED)
    found = as_json(capsys, "ci.yml", "--store", "store", "--compare", "merged.yml")
    (job,) = found["compared"]["jobs"]
    assert job["recorded_runs"] == RUNS
    # Slow runs are slow in both steps: 60 + 20 + 100, or 60 + 40 + 200, and nothing between.
    assert job["duration_s"]["p50"]["value"] == pytest.approx(180)
    assert job["duration_s"]["p95"]["value"] == pytest.approx(300)
    assert job["left_out"] == []


def test_steps_that_nobody_measured_are_told(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recorded / "more.yml").write_text(MERGED + "      - run: make docs\n")
    found = as_json(capsys, "ci.yml", "--store", "store", "--compare", "more.yml")
    assert found["compared"]["jobs"][0]["left_out"] == ["Run make docs"]
    assert "all: no run has measured Run make docs; left out" in found["compared"]["warnings"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--runs", "0"], "--runs must be 1 to 1000000, not 0"),
        (["--seed", "-1"], "--seed must be 0 or more"),
        (["--history", "0"], "--history must be 1 or more"),
        (["--runners", "ubuntu-latest"], "--runners wants NAME=NUMBER"),
        (["--runners", "ubuntu-latest=0"], "a pool has 1 to 999999 runners"),
        (["--runners", "windows=2"], "no job of ci.yml asks for a runner 'windows'; they ask for: ubuntu-latest"),
        (["--assume", "tset=3"], "--assume names a job 'tset' that is not there (did you mean 'test'?)"),
        (["--assume", "test=-3"], "a job takes 0 or more seconds"),
        (["--assume", "test=1", "--assume", "test=2"], "--assume names 'test' twice"),
        (["--arrivals", "often"], "--arrivals must be a number of runs an hour"),
        (["--arrivals", "3"], "arrivals change nothing without runners"),
    ],
)
def test_a_wrong_option_says_what_it_wants(
    recorded: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    assert main(["simulate", "ci.yml", "--store", "store", *options]) == ExitCode.USAGE
    assert told in capsys.readouterr().err


GITLAB = """\
workflow: {name: ci}
stages: [build, test]
build: {stage: build, script: make}
test: {stage: test, script: pytest}
lint: {stage: test, script: ruff check}
"""


def test_a_gitlab_file_is_simulated_with_its_stages(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recorded / ".gitlab-ci.yml").write_text(GITLAB)
    (recorded / "needs.gitlab-ci.yml").write_text(GITLAB.replace("script: ruff", "needs: [], script: ruff"))
    found = as_json(
        capsys, ".gitlab-ci.yml", "--store", "store", "--compare", "needs.gitlab-ci.yml", "--assume", "lint=400"
    )
    # The linter waits for the build: 65 s, and then the 0 s it began after the end of what it waited for.
    assert found["makespan_s"]["p50"]["value"] == pytest.approx(465, abs=6)
    assert found["compared"]["difference"]["saved_s"]["p50"]["value"] == pytest.approx(60, abs=6)


def test_a_gitlab_job_with_other_commands_must_be_assumed(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recorded / ".gitlab-ci.yml").write_text(GITLAB)
    (recorded / "fast.gitlab-ci.yml").write_text(GITLAB.replace("pytest", "pytest -n 4"))
    command = ["simulate", ".gitlab-ci.yml", "--store", "store", "--compare", "fast.gitlab-ci.yml"]
    assert main(command) == ExitCode.BAD_INPUT
    assert "fast.gitlab-ci.yml: no recorded run tells how long these jobs take: test;" in capsys.readouterr().err


def test_a_gitlab_pipeline_is_found_by_its_projects_path(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(recorded / "own") as store:
        store.append(spans=run_rows("1", jobs_of(1), pipeline="group/sub/app", repository="group/sub/app"))
    (recorded / ".gitlab-ci.yml").write_text(GITLAB.replace("workflow: {name: ci}\n", ""))
    for command in (["init", "-q"], ["remote", "add", "origin", "git@gitlab.example:group/sub/app.git"]):
        subprocess.run(["git", *command], cwd=recorded, check=True)
    assert as_json(capsys, ".gitlab-ci.yml", "--store", "own")["question"]["pipeline"] == "group/sub/app"
