from __future__ import annotations

from pathlib import Path
from typing import Any

from makespan_collector.store.contract import Store
from makespan_model.records import Result, RunState
from support.github_history import moment
from support.gitlab_history import PROJECT, WEB_URL, GitLabProject, job, pipeline
from support.importing import import_gitlab


def test_a_pipeline_comes_with_its_jobs_queue_times_and_circumstances(
    gitlab: GitLabProject, store: Store, tmp_path: Path
) -> None:
    gitlab.add(pipeline(3))
    progress = import_gitlab(gitlab.api.url, store, tmp_path)
    assert (progress.runs, progress.jobs) == (1, 1)
    (run,) = store.runs()
    assert (run.identity.provider, run.identity.repository, run.identity.run_id) == ("gitlab", PROJECT, "3")
    assert (run.pipeline, run.ref, run.event, run.actor) == ("build and test", "main", "push", "mona")
    assert (run.makespan_s, run.result, run.url) == (120.0, Result.SUCCESS, f"{WEB_URL}/-/pipelines/3")
    (found,) = run.jobs
    assert (found.name, found.job_id, found.queue_s, found.duration_s) == ("test: [3.12, linux]", "test", 4.5, 60.0)
    assert (found.worker, found.runner_labels) == ("runner-8", ("docker",))


def test_every_try_of_a_job_is_a_job_of_its_own_under_one_key(
    gitlab: GitLabProject, store: Store, tmp_path: Path
) -> None:
    failed = job(30, "test 1/2", status="failed", failure_reason="script_failure")
    gitlab.add(pipeline(3), [failed, job(31, "test 1/2", 200, status="failed"), job(35, "test 1/2", 400)])
    import_gitlab(gitlab.api.url, store, tmp_path)
    assert [(found.name, found.job_id, found.result) for found in store.runs()[0].jobs] == [
        ("test 1/2", "test", Result.FAILURE),
        ("test 1/2 (retry 1)", "test", Result.FAILURE),
        ("test 1/2 (retry 2)", "test", Result.SUCCESS),
    ]


def test_child_pipelines_come_as_runs_and_trigger_jobs_as_jobs(
    gitlab: GitLabProject, store: Store, tmp_path: Path
) -> None:
    bridge = job(40, "deploy", downstream_pipeline={"id": 9, "project_id": 5, "status": "success"})
    elsewhere = job(41, "notify", downstream_pipeline={"id": 99, "project_id": 6})
    gitlab.add(pipeline(3), bridges=[bridge, elsewhere])
    gitlab.add(pipeline(9, 95, source="parent_pipeline", name=None), is_listed=False)
    assert import_gitlab(gitlab.api.url, store, tmp_path).runs == 2
    parent, child = store.runs()
    assert {found.name for found in parent.jobs} == {"test: [3.12, linux]", "deploy", "notify"}
    assert (child.identity.run_id, child.event, child.pipeline) == ("9", "parent_pipeline", PROJECT)


def test_a_parent_is_looked_at_again_while_its_child_goes_on(
    gitlab: GitLabProject, store: Store, tmp_path: Path
) -> None:
    gitlab.add(pipeline(3), bridges=[job(40, "deploy", downstream_pipeline={"id": 9, "project_id": 5})])
    gitlab.add(pipeline(9, 95, status="running", finished_at=None), [], is_listed=False)
    import_gitlab(gitlab.api.url, store, tmp_path)
    assert store.runs(run_ids=["9"])[0].state is RunState.EXECUTING
    gitlab.add(pipeline(9, 95), [], is_listed=False)
    import_gitlab(gitlab.api.url, store, tmp_path)
    assert store.runs(run_ids=["9"])[0].state is None


def test_jobs_that_did_not_run_take_no_time_and_those_that_wait_for_a_person_are_none(
    gitlab: GitLabProject, store: Store, tmp_path: Path
) -> None:
    untimed: dict[str, Any] = {"started_at": None, "finished_at": None, "queued_duration": None, "runner": None}
    jobs = [
        job(30, "skipped", status="skipped", **untimed),
        job(31, "canceled", status="canceled", **{**untimed, "finished_at": moment(50)}),
        job(32, "by hand", status="manual", **untimed),
        job(33, "later", status="scheduled", **untimed),
    ]
    gitlab.add(pipeline(3), jobs)
    assert import_gitlab(gitlab.api.url, store, tmp_path).unreadable == 0
    assert {found.name: (found.result, found.duration_s) for found in store.runs()[0].jobs} == {
        "skipped": (Result.SKIP, 0.0),
        "canceled": (Result.CANCELLATION, 0.0),
    }


def test_a_merge_requests_pipeline_says_which_one(gitlab: GitLabProject, store: Store, tmp_path: Path) -> None:
    gitlab.add(pipeline(3, ref="refs/merge-requests/41/head", source="merge_request_event"))
    import_gitlab(gitlab.api.url, store, tmp_path)
    assert (store.runs()[0].change, store.runs()[0].ref) == ("41", None)


def test_what_is_known_is_not_asked_for_again_and_a_retry_of_an_old_pipeline_is(
    gitlab: GitLabProject, store: Store, tmp_path: Path
) -> None:
    for number in range(1, 131):
        gitlab.add(pipeline(number, number * 600.0))
    assert import_gitlab(gitlab.api.url, store, tmp_path).runs == 130
    gitlab.api.asked.clear()
    assert import_gitlab(gitlab.api.url, store, tmp_path).unchanged
    assert gitlab.api.counted() == []
    again = pipeline(2, 1200.0, updated_at=moment(90_000), finished_at=moment(90_000))
    gitlab.add(again, [job(20, at_s=1200, status="failed"), job(99_999, at_s=89_000)])
    assert import_gitlab(gitlab.api.url, store, tmp_path).runs == 1
    assert [found.result for found in store.runs(run_ids=["2"])[0].jobs] == [Result.FAILURE, Result.SUCCESS]


def test_an_unknown_status_is_told(gitlab: GitLabProject, store: Store, tmp_path: Path) -> None:
    gitlab.add(pipeline(3), [job(30, status="exploded")])
    gitlab.add(pipeline(4, 100))
    progress = import_gitlab(gitlab.api.url, store, tmp_path)
    assert (progress.runs, progress.unreadable) == (1, 1)
    assert "pipeline 3" in progress.problems[0]
    assert "exploded" in progress.problems[0]
