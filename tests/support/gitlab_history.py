"""Pipelines and jobs in the form of GitLab's REST API (version 4) and of its webhooks, made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.github_history import moment
from support.provider_api import ProviderApi

PROJECT = "octo/tools/app"
WEB_URL = f"https://gitlab.example.com/{PROJECT}"


def pipeline(pipeline_id: int, at_s: float = 0.0, **changes: Any) -> dict[str, Any]:
    """A pipeline that took two minutes."""
    return {
        "id": pipeline_id,
        "iid": pipeline_id,
        "project_id": 5,
        "name": "build and test",
        "status": "success",
        "source": "push",
        "ref": "main",
        "sha": f"{pipeline_id:040x}",
        "web_url": f"{WEB_URL}/-/pipelines/{pipeline_id}",
        "created_at": moment(at_s),
        "updated_at": moment(at_s + 121),
        "started_at": moment(at_s + 3),
        "finished_at": moment(at_s + 120),
        "duration": 117,
        "queued_duration": 3,
        "user": {"id": 1, "username": "mona"},
        **changes,
    }


def job(job_id: int, name: str = "test: [3.12, linux]", at_s: float = 0.0, **changes: Any) -> dict[str, Any]:
    """A job that waited for 4.5 seconds and took a minute."""
    return {
        "id": job_id,
        "name": name,
        "stage": "test",
        "status": "success",
        "created_at": moment(at_s),
        "started_at": moment(at_s + 30),
        "finished_at": moment(at_s + 90),
        "duration": 60.0,
        "queued_duration": 4.5,
        "tag_list": ["docker"],
        "runner": {"id": 8, "description": "runner-8"},
        "web_url": f"{WEB_URL}/-/jobs/{job_id}",
        "failure_reason": None,
        **changes,
    }


class GitLabProject:
    """What the API knows of one project; pipelines may be added and changed while it is asked."""

    def __init__(self, api: ProviderApi) -> None:
        self.api = api
        self.pipelines: dict[int, dict[str, Any]] = {}
        self.base = f"/api/v4/projects/{PROJECT}"
        api.lists[f"{self.base}/pipelines"] = (None, self._listed)

    def add(
        self,
        content: dict[str, Any],
        jobs: Sequence[dict[str, Any]] | None = None,
        bridges: Sequence[dict[str, Any]] = (),
        *,
        is_listed: bool = True,
    ) -> None:
        """A pipeline; child pipelines are not on the list."""
        pipeline_id = content["id"]
        if is_listed:
            self.pipelines[pipeline_id] = content
        found = [job(pipeline_id * 10)] if jobs is None else list(jobs)
        self.api.objects[f"{self.base}/pipelines/{pipeline_id}"] = content

        def tried(query: dict[str, str]) -> Sequence[Any]:
            latest = {item["name"]: item for item in found}
            return found[::-1] if query.get("include_retried") == "true" else list(latest.values())

        self.api.lists[f"{self.base}/pipelines/{pipeline_id}/jobs"] = (None, tried)
        self.api.lists[f"{self.base}/pipelines/{pipeline_id}/bridges"] = (None, lambda _: bridges)

    def _listed(self, query: dict[str, str]) -> Sequence[Any]:
        assert (query["order_by"], query["sort"]) == ("updated_at", "desc")
        kept = (
            "id",
            "iid",
            "project_id",
            "name",
            "status",
            "source",
            "ref",
            "sha",
            "web_url",
            "created_at",
            "updated_at",
        )
        listed = sorted(self.pipelines.values(), key=lambda item: str(item["updated_at"]), reverse=True)
        return [{name: item[name] for name in kept} for item in listed]


def job_event(status: str = "success", **changes: Any) -> dict[str, Any]:
    """A `Job Hook`."""
    started = {"build_started_at": "2026-11-20 12:00:30 UTC", "build_queued_duration": 4.5}
    finished = {"build_finished_at": "2026-11-20 12:01:30 UTC", "build_duration": 60.0}
    runner = {"id": 8, "description": "runner-8", "tags": ["docker"], "active": True}
    stage: dict[str, dict[str, Any]] = {
        "pending": {"build_queued_duration": 1.5},
        "running": {**started, "runner": runner},
    }
    return {
        "object_kind": "build",
        "ref": "main",
        "tag": False,
        "sha": f"{3:040x}",
        "retries_count": 0,
        "build_id": 30,
        "build_name": "test: [3.12, linux]",
        "build_stage": "test",
        "build_status": status,
        "build_created_at": "2026-11-20 12:00:00 UTC",
        "build_started_at": None,
        "build_finished_at": None,
        "build_duration": None,
        "build_queued_duration": None,
        "build_failure_reason": "unknown_failure",
        "pipeline_id": 3,
        "runner": None,
        "user": {"username": "mona"},
        "commit": {"id": 3, "name": "build and test", "sha": f"{3:040x}"},
        "project": {"path_with_namespace": PROJECT, "web_url": WEB_URL},
        **stage.get(status, {**started, **finished, "runner": runner}),
        **changes,
    }


def pipeline_event(status: str = "success", **changes: Any) -> dict[str, Any]:
    """A `Pipeline Hook`."""
    return {
        "object_kind": "pipeline",
        "object_attributes": {
            "id": 3,
            "iid": 3,
            "name": "build and test",
            "ref": "main",
            "sha": f"{3:040x}",
            "source": "merge_request_event",
            "status": status,
            "created_at": "2026-11-20 12:00:00 UTC",
            "finished_at": "2026-11-20 12:02:00 UTC" if status == "success" else None,
            "duration": 117,
            "url": f"{WEB_URL}/-/pipelines/3",
        },
        "merge_request": {"iid": 41, "source_branch": "fix"},
        "user": {"username": "mona"},
        "project": {"path_with_namespace": PROJECT, "web_url": WEB_URL},
        "builds": [],
        **changes,
    }
