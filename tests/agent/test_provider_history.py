"""What the agent sends of a run, and what the provider tells of it, in one store."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from makespan_collector.server import BackgroundCollector
from makespan_collector.store.opening import open_store
from support.agent_process import Agent
from support.github_history import REPOSITORY, GitHubRepository, workflow_job, workflow_run
from support.importing import import_github
from support.provider_api import provider_api

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_ACTION": "__run",
    "GITHUB_ACTOR": "mona",
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_JOB": "test",
    "GITHUB_REF": "refs/pull/12/merge",
    "GITHUB_REPOSITORY": REPOSITORY,
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_RUN_ID": "7",
    "GITHUB_WORKFLOW": "CI",
    "RUNNER_NAME": "GitHub Actions 3",
}


def test_what_started_the_run_and_its_runners_tags_arrive(agent: Agent, tmp_path: Path) -> None:
    gitlab = {
        "GITLAB_CI": "true",
        "CI_PROJECT_PATH": "octo/app",
        "CI_PIPELINE_ID": "3",
        "CI_JOB_NAME": "test",
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "GITLAB_USER_LOGIN": "mona",
        "CI_MERGE_REQUEST_IID": "41",
        "CI_RUNNER_TAGS": '["docker", "linux"]',
    }
    with BackgroundCollector(tmp_path / "store") as collector:
        agent.environment = gitlab
        agent.run("run", "--", "true")
        assert agent.run("flush", "--endpoint", collector.endpoint).returncode == 0
    with open_store(tmp_path / "store", read_only=True) as store:
        (run,) = store.runs()
    assert (run.event, run.actor, run.change) == ("merge_request_event", "mona", "41")
    assert run.jobs[0].runner_labels == ("docker", "linux")


def test_a_measured_step_and_the_providers_history_of_its_job_are_one(agent: Agent, tmp_path: Path) -> None:
    script = tmp_path / "step.sh"
    script.write_text(f'"{sys.executable}" -c "x = sum(range(10**6))"\n')
    before_s = int(time.time()) - 5
    with BackgroundCollector(tmp_path / "store") as collector:
        agent.environment = GITHUB
        assert agent.run("shell", str(script)).returncode == 0
        assert agent.run("flush", "--endpoint", collector.endpoint).returncode == 0
    after_s = int(time.time()) + 5

    def moment(time_s: float) -> str:
        return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")

    start, end = moment(before_s), moment(after_s)
    times = {"started_at": start, "completed_at": end}
    steps = [{"name": "Set up job", "status": "completed", "conclusion": "success", "number": 1, **times}]
    # GitHub tells whole seconds: the step of this second, its own.
    with open_store(tmp_path / "store", read_only=True) as store:
        measured = store.runs()[0].jobs[0].steps[0]
    own = {"started_at": moment(measured.start_ns // 10**9), "completed_at": moment(measured.end_ns // 10**9)}
    steps.append({"name": "Unit tests", "status": "completed", "conclusion": "success", "number": 2, **own})
    job = workflow_job(70, 7, "Tests on Linux", created_at=moment(before_s - 8), steps=steps)
    with provider_api() as api, open_store(tmp_path / "store") as store:
        repository = GitHubRepository(api)
        repository.add(workflow_run(7, created_at=start, run_started_at=start, updated_at=end), [{**job, **times}])
        import_github(api.url, store, tmp_path)
        (run,) = store.runs()
    (found,) = run.jobs
    assert (found.name, found.job_id, found.queue_s) == ("test", "test", 8.0)
    assert [(step.path, step.index) for step in found.steps] == [("Set up job", None), ("__run", 0)]
    assert found.steps[1].usage.cpu_s is not None
    assert (run.event, run.actor, run.change) == ("pull_request", "mona", "12")
