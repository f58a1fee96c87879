"""Workflow runs and jobs in the form of GitHub's REST API (version 2022-11-28), made up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from support.provider_api import ProviderApi

SECOND = 1_000_000_000
NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
REPOSITORY = "octo/app"


def moment(after_s: float) -> str:
    """So many seconds after `NOW`, as GitHub writes it."""
    return datetime.fromtimestamp(NOW.timestamp() + after_s, UTC).isoformat().replace("+00:00", "Z")


def ns(after_s: float) -> int:
    return round((NOW.timestamp() + after_s) * SECOND)


def workflow_run(run_id: int, at_s: float = 0.0, **changes: Any) -> dict[str, Any]:
    """A run that took a minute."""
    return {
        "id": run_id,
        "name": "CI",
        "path": ".github/workflows/ci.yml",
        "display_title": "Fix it",
        "head_branch": "fix",
        "head_sha": f"{run_id:040x}",
        "run_number": run_id,
        "run_attempt": 1,
        "event": "pull_request",
        "status": "completed",
        "conclusion": "success",
        "workflow_id": 9,
        "html_url": f"https://github.com/{REPOSITORY}/actions/runs/{run_id}",
        "pull_requests": [{"number": 12, "id": 1}],
        "created_at": moment(at_s),
        "run_started_at": moment(at_s),
        "updated_at": moment(at_s + 70),
        "actor": {"login": "mona"},
        "triggering_actor": {"login": "hubot"},
        "repository": {"full_name": REPOSITORY},
        **changes,
    }


def workflow_job(job_id: int, run_id: int, name: str = "test (3.12, linux)", at_s: float = 0.0, **changes: Any) -> Any:
    """A job that waited for five seconds and took fifty."""
    return {
        "id": job_id,
        "run_id": run_id,
        "run_attempt": 1,
        "workflow_name": "CI",
        "head_branch": "fix",
        "head_sha": f"{run_id:040x}",
        "status": "completed",
        "conclusion": "success",
        "created_at": moment(at_s + 2),
        "started_at": moment(at_s + 7),
        "completed_at": moment(at_s + 57),
        "name": name,
        "labels": ["ubuntu-latest"],
        "runner_id": 3,
        "runner_name": "GitHub Actions 3",
        "runner_group_id": 1,
        "runner_group_name": "GitHub Actions",
        "html_url": f"https://github.com/{REPOSITORY}/actions/runs/{run_id}/job/{job_id}",
        "steps": steps(("Set up job", "Run actions/checkout@v4", "pytest", "Complete job"), at_s + 7),
        **changes,
    }


def steps(names: Sequence[str], at_s: float, seconds: float = 10.0) -> list[dict[str, Any]]:
    """Steps one after the other."""
    return [
        {
            "name": name,
            "status": "completed",
            "conclusion": "success",
            "number": number + 1,
            "started_at": moment(at_s + number * seconds),
            "completed_at": moment(at_s + (number + 1) * seconds),
        }
        for number, name in enumerate(names)
    ]


class GitHubRepository:
    """What the API knows of one repository; runs may be added and changed while it is asked."""

    def __init__(self, api: ProviderApi) -> None:
        self.api = api
        self.runs: dict[int, dict[str, Any]] = {}
        self.base = f"/repos/{REPOSITORY}/actions"
        listed = ("workflow_runs", lambda _: [self.runs[number] for number in sorted(self.runs, reverse=True)])
        api.lists[f"{self.base}/runs"] = listed
        api.lists[f"{self.base}/workflows/ci.yml/runs"] = listed

    def add(self, run: dict[str, Any], jobs: Sequence[dict[str, Any]] | None = None) -> None:
        """A run, or a further attempt at one."""
        run_id, attempt = run["id"], run["run_attempt"]
        self.runs[run_id] = run
        found = [workflow_job(run_id * 10 + attempt, run_id)] if jobs is None else list(jobs)
        self.api.objects[f"{self.base}/runs/{run_id}"] = run
        self.api.objects[f"{self.base}/runs/{run_id}/attempts/{attempt}"] = run
        self.api.lists[f"{self.base}/runs/{run_id}/attempts/{attempt}/jobs"] = ("jobs", lambda _: found)
