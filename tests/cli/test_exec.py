"""`makespan exec` as a user calls it: a real git repository, the real act, a store to read afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from makespan_collector.store.opening import open_store
from makespan_model.records import PipelineRun, Result, StepKind
from support.local_project import LocalProject, new_project, require_act

pytestmark = pytest.mark.service


@pytest.fixture
def project(tmp_path: Path) -> LocalProject:
    require_act()
    return new_project(tmp_path)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "makespan_cli.main", "exec", *arguments]


def _environment(project: LocalProject) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKESPAN_", "GITHUB_"))}
    _temporary(project).mkdir(exist_ok=True)
    return {**kept, "NO_COLOR": "1", "COLUMNS": "200", "TMPDIR": str(_temporary(project)), **project.host}


def _temporary(project: LocalProject) -> Path:
    return project.state / "tmp"


def _write(project: LocalProject, text: str, name: str = ".github/workflows/ci.yml") -> str:
    project.commit({name: dedent(text)})
    return name


def _exec(project: LocalProject, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(*arguments),
        cwd=project.root,
        env=_environment(project),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _stored(project: LocalProject, store: str = ".makespan/store") -> list[PipelineRun]:
    with open_store(project.root / store, read_only=True) as reader:
        return reader.runs()


_PIPELINE = """
    name: Build and test
    on: push
    jobs:
      build:
        runs-on: ubuntu-latest
        outputs: {version: "${{ steps.v.outputs.version }}"}
        steps:
          - uses: actions/checkout@v4
          - uses: actions/cache@v4
            with: {path: kept, key: "k-${{ hashFiles('README') }}"}
          - {id: v, name: Make, run: 'mkdir -p kept && echo "version=1.2" >> "$GITHUB_OUTPUT"; echo x > kept/x'}
          - {uses: actions/upload-artifact@v4, with: {name: app, path: kept}}
      test:
        needs: build
        runs-on: ubuntu-latest
        strategy: {matrix: {python: ["3.11", "3.12"]}}
        steps:
          - {uses: actions/download-artifact@v4, with: {name: app}}
          - run: cat x && echo "${{ needs.build.outputs.version }} on ${{ matrix.python }}"
    """


def test_a_run_lands_in_the_store_as_the_tree_it_was(project: LocalProject) -> None:
    file = _write(project, _PIPELINE)

    finished = _exec(project, file, "--json")

    assert finished.returncode == 0, finished.stderr
    (run,) = _stored(project)
    told = json.loads(finished.stdout)
    assert (run.pipeline, run.result, run.identity.run_id) == ("Build and test", Result.SUCCESS, told["run_id"])
    assert run.makespan_s == pytest.approx(told["makespan_s"])
    assert [(job.name, job.job_id, job.needs) for job in run.jobs if job.job_id == "build"] == [("build", "build", ())]
    assert sorted((job.name, job.needs) for job in run.jobs if job.job_id == "test") == [
        ("test (3.11)", ("build",)),
        ("test (3.12)", ("build",)),
    ]
    steps = {job.name: [(step.index, step.name, step.kind, step.result) for step in job.steps] for job in run.jobs}
    uses, ran, success = StepKind.USES, StepKind.RUN, Result.SUCCESS
    assert steps["build"] == [
        (0, "Run actions/checkout@v4", uses, success),
        (1, "Run actions/cache@v4", uses, success),
        (2, "Make", ran, success),
        (3, "Run actions/upload-artifact@v4", uses, success),
        (4, "Post Run actions/cache@v4", uses, success),
    ]
    assert [(index, kind) for index, _, kind, _ in steps["test (3.12)"]] == [(0, uses), (1, ran)]


def test_times_in_the_store_nest_and_tell_how_long_a_job_waited(project: LocalProject) -> None:
    _exec(project, _write(project, _PIPELINE), "--runners", "1")

    (run,) = _stored(project)

    for job in run.jobs:
        assert run.start_ns <= job.start_ns <= job.end_ns <= run.end_ns
        assert all(job.start_ns <= step.start_ns <= step.end_ns <= job.end_ns for step in job.steps)
        assert job.queue_s is not None
    build = next(job for job in run.jobs if job.job_id == "build")
    assert {job.queued_ns for job in run.jobs if job.job_id == "test"} == {build.end_ns}
    measured = [step for job in run.jobs for step in job.steps if step.name != "Run actions/checkout@v4"]
    assert all((step.usage.cpu_s or 0) > 0 for step in measured)


def test_the_second_run_hits_the_cache_of_the_first(project: LocalProject) -> None:
    file = _write(project, _PIPELINE)

    first = _exec(project, file, "--verbose")
    second = _exec(project, file, "--verbose")

    assert "Cache saved with key k-" in first.stdout
    assert "Cache restored from key k-" in second.stdout
    assert "not saving" in second.stdout
    assert len(_stored(project)) == 2


def test_a_failing_step_fails_the_command_and_its_output_is_shown(project: LocalProject) -> None:
    file = _write(
        project,
        """
        on: push
        jobs:
          bad: {runs-on: ubuntu-latest, steps: [{name: Break, run: "echo the reason >&2; exit 7"}]}
          good: {runs-on: ubuntu-latest, steps: [{run: "echo quiet"}]}
        """,
    )

    finished = _exec(project, file)

    assert finished.returncode == 1
    assert "bad failed; the last lines of its step:\n  the reason\n" in finished.stdout
    assert "quiet" not in finished.stdout.replace("Run echo quiet", "")
    (run,) = _stored(project)
    assert run.result is Result.FAILURE
    assert run.pipeline == ".github/workflows/ci.yml"
    exit_codes = {job.name: [step.exit_code for step in job.steps] for job in run.jobs}
    assert exit_codes == {"bad": [7], "good": [0]}


def test_what_was_left_out_is_listed(project: LocalProject) -> None:
    file = _write(
        project,
        """
        on: push
        jobs:
          a: {runs-on: ubuntu-latest, steps: [{uses: "octo/thing@v1"}, {run: "true"}]}
          b: {runs-on: macos-latest, steps: [{run: "true"}]}
        """,
    )

    finished = _exec(project, file, "--json")

    assert finished.returncode == 0
    assert json.loads(finished.stdout)["notes"] == [
        "job a: octo/thing@v1 cannot run here and is left out",
        "job b runs on macos-latest, which cannot run here; it is left out as if it had succeeded",
    ]
    (run,) = _stored(project)
    assert [(job.name, [step.name for step in job.steps]) for job in run.jobs] == [("a", ["Run true"])]


def test_the_repository_stays_clean(project: LocalProject) -> None:
    file = _write(project, _PIPELINE)
    before = (project.root / file).read_bytes()

    assert _exec(project, file).returncode == 0

    assert (project.root / file).read_bytes() == before
    assert project.git("status", "--porcelain") == ""
    assert list(_temporary(project).iterdir()) == []


def test_a_broken_workflow_is_answered_with_its_place_and_runs_nothing(project: LocalProject) -> None:
    file = _write(project, "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    needs: gone\n    steps: []\n")
    finished = _exec(project, file)
    assert finished.returncode == 3
    assert finished.stderr.startswith(f"makespan: {file}:5:12: ")
    assert "'gone'" in finished.stderr
    assert not (project.root / ".makespan/store").exists()


def test_what_act_alone_refuses_is_told_in_its_words(project: LocalProject) -> None:
    file = _write(project, "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: x, nonsense: 1}]\n")
    finished = _exec(project, file)
    assert finished.returncode == 1
    assert "act could not run job a" in finished.stderr
    assert "nonsense" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_workflow_outside_a_repository_is_a_usage_error(project: LocalProject, tmp_path: Path) -> None:
    file = tmp_path / "ci.yml"
    file.write_text("on: push\njobs: {a: {runs-on: x, steps: [{run: 'true'}]}}\n")
    finished = _exec(project, str(file))
    assert finished.returncode == 2
    assert f"{file} is not in a git repository with a commit" in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["gone.yml"], 3, "gone.yml: "),
        (["FILE", "--runners", "-1"], 2, "runners must be 0 or more, not -1"),
        (["FILE", "--store", "s", "--endpoint", "http://127.0.0.1:1"], 2, "--endpoint and --store exclude each other"),
        (["FILE", "--endpoint", "http://127.0.0.1:1"], 4, "could not be sent to http://127.0.0.1:1"),
    ],
)
def test_wrong_arguments_are_answered_in_one_line(
    project: LocalProject, arguments: list[str], exit_code: int, said: str
) -> None:
    file = _write(project, "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}}\n")
    finished = _exec(project, *(file if word == "FILE" else word for word in arguments))
    assert finished.returncode == exit_code, finished.stderr
    assert said in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_steps_that_could_not_be_sent_are_kept_where_the_message_says(project: LocalProject) -> None:
    file = _write(project, "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}}\n")
    finished = _exec(project, file, "--endpoint", "http://127.0.0.1:1")
    spool = Path(finished.stderr.strip().rpartition(" ")[2])
    assert len(list(spool.glob("*.step"))) == 1


def test_two_runs_of_one_repository_at_once_do_not_mix(project: LocalProject) -> None:
    file = _write(project, _PIPELINE)
    processes = [
        subprocess.Popen(
            _command(file, "--store", store),
            cwd=project.root,
            env=_environment(project),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for store in (".makespan/one", ".makespan/two")
    ]
    outputs = [process.communicate(timeout=120)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], outputs
    for store in ("one", "two"):
        (run,) = _stored(project, f".makespan/{store}")
        assert sorted(len(job.steps) for job in run.jobs) == [2, 2, 5]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_everything_that_was_started(project: LocalProject, number: signal.Signals) -> None:
    pids = project.state / "pids"
    file = _write(
        project,
        f"""
        on: push
        jobs:
          a:
            runs-on: ubuntu-latest
            steps: [{{run: 'nohup sleep 300 & echo $! >> {pids}; echo $$ >> {pids}; echo up >> {pids}; sleep 300'}}]
        """,
    )
    process = subprocess.Popen(
        _command(file),
        cwd=project.root,
        env=_environment(project),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (pids.exists() and "up" in pids.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the step never started"
        time.sleep(0.02)
    started = [psutil.Process(int(pid)) for pid in pids.read_text().split()[:2]]
    started += psutil.Process(process.pid).children(recursive=True)

    process.send_signal(number)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert errors.splitlines()[-1] == "makespan: interrupted"
    assert len(started) >= 4
    assert [found for found in started if found.is_running() and found.status() != psutil.STATUS_ZOMBIE] == []
    assert _stored(project) == []
    assert list(_temporary(project).iterdir()) == []
