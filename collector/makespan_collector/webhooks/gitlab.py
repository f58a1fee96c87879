"""GitLab's events as rows.

Source: GitLab Docs, "Webhook events": pipeline events (`Pipeline Hook`) and job events (`Job Hook`). They name things
otherwise than the API does; here they get the API's names. A pipeline event lists its jobs without saying which try of
a job each is, so jobs are taken from job events alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from makespan_collector.providers.gitlab_rows import PROVIDER, job_row, pipeline_facts, pipeline_row
from makespan_collector.providers.payload import Payload, PayloadError
from makespan_collector.providers.run_facts import RunFacts
from makespan_collector.store.rows import SpanRow
from makespan_model.identity import RunIdentity

SOURCE = "gitlab-webhook"
_MOST_RETRIES = 1_000


def event_rows(payload: Payload, *, heard_ns: int) -> list[SpanRow] | None:
    """What an event says; None for one that says nothing of pipelines or jobs.

    Args:
        payload: The body.
        heard_ns: When it came.

    Raises:
        PayloadError: It is not what it should be.
    """
    kind = payload.text("object_kind")
    if kind == "pipeline":
        return [_pipeline_row(payload, heard_ns)]
    if kind == "build":
        row = _job_row(payload, heard_ns)
        return [] if row is None else [row]
    return None


def _pipeline_row(payload: Payload, heard_ns: int) -> SpanRow:
    given = payload.part("object_attributes")
    pipeline = Payload(
        {**given.values, "web_url": given.values.get("url"), "user": payload.values.get("user")}, given.place
    )
    facts = pipeline_facts(pipeline, _project(payload), SOURCE)
    request = payload.part("merge_request")
    number = request.whole("iid")
    if number is not None:
        # As the agent has it: the merge request's own branch.
        facts = replace(facts, ref=request.text("source_branch") or facts.ref, change=str(number))
    return pipeline_row(pipeline, facts, heard_ns=heard_ns)


def _job_row(payload: Payload, heard_ns: int) -> SpanRow | None:
    retry = payload.whole("retries_count") or 0
    if retry > _MOST_RETRIES:
        raise PayloadError(f"{payload.place}: retries_count must be at most {_MOST_RETRIES}, not {retry}")
    project = _project(payload)
    facts = RunFacts(
        RunIdentity(PROVIDER, project, str(payload.required_whole("pipeline_id"))),
        pipeline=payload.part("commit").text("name") or project,
        source=SOURCE,
        ref=payload.text("ref"),
        commit=payload.text("sha"),
        actor=payload.part("user").text("username"),
    )
    return job_row(_api_job(payload), facts, retry=retry, heard_ns=heard_ns)


def _api_job(payload: Payload) -> Payload:
    """The job with the names that the API has for its parts."""
    web_url = payload.part("project").url("web_url")
    runner = payload.part("runner")
    job: dict[str, Any] = {
        name: payload.values.get(f"build_{name}")
        for name in ("id", "name", "status", "started_at", "created_at", "finished_at", "queued_duration")
    }
    job |= {
        "failure_reason": payload.values.get("build_failure_reason"),
        "runner": payload.values.get("runner"),
        # What its runner offers; the event does not say what the job asked for.
        "tag_list": runner.values.get("tags"),
        "web_url": web_url and f"{web_url}/-/jobs/{job['id']}",
    }
    return Payload(job, f"{payload.place}: build")


def _project(payload: Payload) -> str:
    path = payload.part("project").text("path_with_namespace")
    if path is None:
        # Before GitLab 15 a job event has no project; its home page has the path.
        path = urlsplit(payload.part("repository").url("homepage") or "").path.strip("/")
    if "/" not in path:
        raise PayloadError(f"{payload.place}: it lacks project.path_with_namespace")
    return path
