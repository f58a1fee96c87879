from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from makespan_collector.providers.github_rows import RESULTS
from makespan_collector.store.contract import Store
from makespan_model.records import Result, RunState
from support.github_history import REPOSITORY, GitHubRepository, moment, steps, workflow_job, workflow_run
from support.importing import import_github


def test_a_run_comes_with_its_jobs_steps_queue_times_and_circumstances(
    github: GitHubRepository, store: Store, tmp_path: Path
) -> None:
    github.add(workflow_run(7))
    progress = import_github(github.api.url, store, tmp_path)
    (run,) = store.runs()
    assert (progress.runs, progress.jobs, progress.steps) == (1, 1, 4)
    assert (run.identity.provider, run.identity.repository, run.identity.attempt) == ("github", REPOSITORY, 1)
    assert (run.pipeline, run.ref, run.event, run.actor, run.change) == ("CI", "fix", "pull_request", "mona", "12")
    assert run.commit == f"{7:040x}"
    assert run.url == f"https://github.com/{REPOSITORY}/actions/runs/7/attempts/1"
    assert run.makespan_s == 57.0, "from its start to the end of its last job"
    (job,) = run.jobs
    assert (job.name, job.job_id, job.queue_s, job.duration_s) == ("test (3.12, linux)", "test", 5.0, 50.0)
    assert (job.worker, job.runner_labels) == ("GitHub Actions 3", ("ubuntu-latest",))
    assert [(step.path, step.index, step.kind.value, step.name) for step in job.steps] == [
        ("Set up job", None, "uses", "Set up job"),
        ("#0", 0, "uses", "Run actions/checkout@v4"),
        ("#1", 1, "run", "pytest"),
        ("Complete job", None, "uses", "Complete job"),
    ]


def test_all_pages_of_runs_and_jobs_are_read(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    for number in range(1, 206):
        github.add(workflow_run(number, number), [] if number > 1 else None)
    many = [workflow_job(10_000 + number, 300, f"leg ({number})", 300) for number in range(130)]
    github.add(workflow_run(300, 300), many)
    progress = import_github(github.api.url, store, tmp_path)
    assert (progress.runs, progress.jobs) == (206, 131)
    assert len(store.runs(run_ids=["300"])[0].jobs) == 130


def test_the_next_link_is_followed_on_our_own_host_only(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    for number in range(1, 102):
        github.add(workflow_run(number, number), [])
    # A proxy that calls itself otherwise, or somebody who would like to have the token.
    github.api.link_base = "https://elsewhere.example.net/repos/octo/app/actions/runs"
    assert import_github(github.api.url, store, tmp_path, token="ghp_secret").runs == 101


def test_every_attempt_is_a_run_with_the_jobs_it_ran_itself(
    github: GitHubRepository, store: Store, tmp_path: Path
) -> None:
    lint = workflow_job(71, 7, "lint")
    github.add(workflow_run(7, conclusion="failure"), [lint, workflow_job(72, 7, "test", conclusion="failure")])
    again: dict[str, Any] = {"run_attempt": 2, "run_started_at": moment(900), "updated_at": moment(990)}
    carried_over = {**lint, "id": 73}
    github.add(workflow_run(7, **again), [carried_over, workflow_job(74, 7, "test", 900, run_attempt=2)])
    assert import_github(github.api.url, store, tmp_path).runs == 2
    first, second = store.runs()
    assert [(run.identity.attempt, run.result) for run in (first, second)] == [(1, Result.FAILURE), (2, Result.SUCCESS)]
    assert [job.name for job in first.jobs] == ["lint", "test"]
    assert [job.name for job in second.jobs] == ["test"]
    assert second.makespan_s == 57.0


@pytest.mark.parametrize(("conclusion", "result"), RESULTS.items())
def test_every_conclusion_is_a_result(
    github: GitHubRepository, store: Store, tmp_path: Path, conclusion: str, result: Result
) -> None:
    github.add(workflow_run(7, conclusion=conclusion), [workflow_job(70, 7, conclusion=conclusion)])
    assert import_github(github.api.url, store, tmp_path).unreadable == 0
    (run,) = store.runs()
    assert (run.result, run.jobs[0].result) == (result, result)


def test_a_skipped_job_that_ends_a_second_before_it_starts_takes_no_time(
    github: GitHubRepository, store: Store, tmp_path: Path
) -> None:
    skipped = workflow_job(
        70, 7, conclusion="skipped", started_at=moment(8), completed_at=moment(7), steps=[], runner_name=None
    )
    github.add(workflow_run(7), [skipped])
    import_github(github.api.url, store, tmp_path)
    (job,) = store.runs()[0].jobs
    assert (job.duration_s, job.worker) == (0.0, None)


def test_times_that_are_not_told_are_done_without(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    names = ("Set up job", "one", "two", "three")
    untimed = [{**step, "started_at": None, "completed_at": None} for step in steps(names, 7)]
    never: dict[str, Any] = {"started_at": "0001-01-01T00:00:00Z", "completed_at": None}
    github.add(
        workflow_run(7), [workflow_job(70, 7, "a", steps=untimed), workflow_job(71, 7, "b", steps=None, **never)]
    )
    import_github(github.api.url, store, tmp_path)
    a, b = sorted(store.runs()[0].jobs, key=lambda job: job.name)
    assert {step.path for step in a.steps} == {"Set up job", "#0", "#1", "#2"}
    assert b.duration_s == 0.0


def test_a_run_under_way_is_looked_at_again_until_it_is_over(
    github: GitHubRepository, store: Store, tmp_path: Path
) -> None:
    live: dict[str, Any] = {"status": "in_progress", "conclusion": None, "completed_at": None}
    github.add(workflow_run(7, status="in_progress", conclusion=None), [workflow_job(70, 7, **live)])
    import_github(github.api.url, store, tmp_path)
    assert store.runs()[0].state is RunState.EXECUTING
    assert store.runs()[0].jobs[0].state is RunState.EXECUTING
    github.add(workflow_run(7), [workflow_job(70, 7)])
    import_github(github.api.url, store, tmp_path)
    (run,) = store.runs()
    assert (run.state, run.jobs[0].state, run.jobs[0].duration_s) == (None, None, 50.0)


def test_a_run_under_way_is_looked_at_again_even_when_it_is_older_than_what_is_listed(
    github: GitHubRepository, store: Store, tmp_path: Path
) -> None:
    github.add(workflow_run(1, status="waiting", conclusion=None), [])
    import_github(github.api.url, store, tmp_path)
    for number in range(2, 150):
        github.add(workflow_run(number, 40 * 86400.0 + number), [])
    github.add(workflow_run(1), [])
    import_github(github.api.url, store, tmp_path)
    assert store.runs(run_ids=["1"])[0].state is None


def test_what_is_known_is_not_asked_for_again(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    for number in range(1, 151):
        github.add(workflow_run(number, number))
    import_github(github.api.url, store, tmp_path)
    github.api.asked.clear()
    progress = import_github(github.api.url, store, tmp_path)
    assert (progress.runs, progress.unchanged) == (0, True)
    assert github.api.counted() == [], "304 costs nothing"
    github.add(workflow_run(151, 151))
    progress = import_github(github.api.url, store, tmp_path)
    assert (progress.runs, len(store.runs())) == (1, 151)
    assert len(github.api.counted()) == 3, "two pages of runs, and the jobs of the new one"


def test_a_second_attempt_at_an_old_run_is_found_on_a_later_page(
    github: GitHubRepository, store: Store, tmp_path: Path
) -> None:
    for number in range(1, 151):
        github.add(workflow_run(number, number), [])
    import_github(github.api.url, store, tmp_path)
    github.add(workflow_run(3, 3, run_attempt=2, run_started_at=moment(5000), updated_at=moment(5060)), [])
    github.api.asked.clear()
    assert import_github(github.api.url, store, tmp_path).runs == 2
    assert [run.identity.attempt for run in store.runs(run_ids=["3"])] == [1, 2]
    assert f"{github.base}/runs" not in [
        asked.path for asked in github.api.counted() if asked.query.get("page") is None
    ]


def test_since_and_limit_bound_what_is_asked_for(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    for number in range(1, 121):
        github.add(workflow_run(number, number * 60.0), [])
    assert import_github(github.api.url, store, tmp_path / "a", since_s=110 * 60).runs == 11
    assert import_github(github.api.url, store, tmp_path / "b", limit=5).runs == 5
    # Going further back than before asks for the rest alone.
    progress = import_github(github.api.url, store, tmp_path / "b")
    assert (progress.runs, progress.known) == (115, 5)
    assert len(store.runs()) == 120


def test_one_workflow_only(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    github.add(workflow_run(7))
    import_github(github.api.url, store, tmp_path, workflow=".github/workflows/ci.yml")
    assert github.api.paths()[0] == f"{github.base}/workflows/ci.yml/runs"


def test_runs_that_come_in_while_pages_are_turned_are_taken_once(
    github: GitHubRepository, store: Store, tmp_path: Path
) -> None:
    for number in range(1, 131):
        github.add(workflow_run(number, number), [])
    listed = github.api.lists[f"{github.base}/runs"][1]

    def growing(query: dict[str, str]) -> object:
        if query.get("page") == "2":
            for number in range(200, 210):
                github.add(workflow_run(number, number), [])
        return listed(query)

    github.api.lists[f"{github.base}/runs"] = ("workflow_runs", growing)  # type: ignore[assignment]
    assert import_github(github.api.url, store, tmp_path).runs == 130
    assert import_github(github.api.url, store, tmp_path).runs == 10
    assert len(store.runs()) == 140


def test_a_deleted_attempt_is_done_without(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    github.add(workflow_run(7, run_attempt=2), [workflow_job(70, 7, run_attempt=2)])
    assert import_github(github.api.url, store, tmp_path).runs == 1
