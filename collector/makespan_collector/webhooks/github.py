"""GitHub's events as rows.

Source: GitHub Docs, "Webhook events and payloads": `workflow_run` (requested, in_progress, completed) and
`workflow_job` (queued, waiting, in_progress, completed). Both hold the REST API's objects.
"""

from __future__ import annotations

from makespan_collector.providers.github_rows import job_facts, job_rows, run_facts, run_row
from makespan_collector.providers.payload import Payload, PayloadError
from makespan_collector.store.rows import SpanRow

SOURCE = "github-webhook"


def event_rows(event: str, payload: Payload, *, heard_ns: int) -> list[SpanRow] | None:
    """What an event says; None for one that says nothing of runs or jobs.

    Args:
        event: `X-GitHub-Event`.
        payload: The body.
        heard_ns: When it came.

    Raises:
        PayloadError: It is not what it should be.
    """
    if event == "workflow_run":
        run = _object(payload, "workflow_run")
        return [run_row(run, run_facts(run, _repository(payload), SOURCE), heard_ns=heard_ns)]
    if event == "workflow_job":
        job = _object(payload, "workflow_job")
        return job_rows(job, job_facts(job, _repository(payload), SOURCE), heard_ns=heard_ns)
    return None


def _object(payload: Payload, key: str) -> Payload:
    found = payload.part(key)
    if not found.values:
        raise PayloadError(f"{payload.place}: it lacks {key}")
    return found


def _repository(payload: Payload) -> str:
    return payload.part("repository").required_text("full_name")
