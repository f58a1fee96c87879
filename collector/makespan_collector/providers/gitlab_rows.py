"""Pipelines and jobs of GitLab as rows.

Sources: GitLab Docs, "Pipelines API", "Jobs API", and "Webhook events" (job events, pipeline events). The two forms
name the same things differently, so a webhook's job is brought into the API's form first (`webhooks/gitlab.py`).
"""

from __future__ import annotations

import re

from makespan_collector.providers.payload import Payload, PayloadError
from makespan_collector.providers.run_facts import RunFacts, not_before
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.identity import RunIdentity, job_span_id, run_span_id
from makespan_model.records import Result, RunState

PROVIDER = "gitlab"
_NS_PER_S = 1_000_000_000

_RESULTS = {
    "success": Result.SUCCESS,
    "failed": Result.FAILURE,
    "canceled": Result.CANCELLATION,
    "skipped": Result.SKIP,
}
_STATES = {
    "running": RunState.EXECUTING,
    "canceling": RunState.FINALIZING,
    "created": RunState.PENDING,
    "waiting_for_resource": RunState.PENDING,
    "waiting_for_callback": RunState.PENDING,
    "preparing": RunState.PENDING,
    "pending": RunState.PENDING,
}
_UNTOLD = ("manual", "scheduled")
"""A job that waits for a person or a time is no part of what runs."""
_TIMEOUTS = ("job_execution_timeout", "stuck_or_timeout_failure", "job_router_timeout")
_OWN_FAILURES = (None, "script_failure", "unknown_failure")
"""The rest of the failure reasons is not the job's own doing: runner, API, policy, missing dependency."""
_MERGE_REQUEST = re.compile(r"refs/merge-requests/(\d{1,18})/(head|merge|train)")
_SHARD = re.compile(r"(?P<job>.+?) \d+/(?P<total>\d+)")


def pipeline_facts(pipeline: Payload, repository: str, source: str) -> RunFacts:
    """What all rows of a pipeline share.

    Args:
        pipeline: The API's pipeline.
        repository: `group/project`.
        source: Who said so.

    Raises:
        PayloadError: It lacks something or is not what it should be.
    """
    ref = pipeline.text("ref")
    request = _MERGE_REQUEST.fullmatch(ref or "")
    return RunFacts(
        RunIdentity(PROVIDER, repository, str(pipeline.required_whole("id"))),
        pipeline=pipeline.text("name") or repository,
        source=source,
        # The agent says the merge request's branch, which this ref does not.
        ref=None if request else ref,
        commit=pipeline.text("sha"),
        event=pipeline.text("source"),
        actor=pipeline.part("user").text("username"),
        change=request[1] if request else None,
    )


def pipeline_row(pipeline: Payload, facts: RunFacts, *, heard_ns: int) -> SpanRow:
    """The row of a pipeline.

    Args:
        pipeline: The API's pipeline.
        facts: Of `pipeline_facts`.
        heard_ns: When it was told; what is not over yet lasts until then.

    Raises:
        PayloadError: It lacks something or is not what it should be.
    """
    start_ns = pipeline.instant_ns("created_at") or pipeline.instant_ns("started_at")
    if start_ns is None:
        raise PayloadError(f"{pipeline.place}: it lacks created_at")
    state = pipeline_state(pipeline)
    end_ns = heard_ns if state else pipeline.instant_ns("finished_at") or pipeline.instant_ns("updated_at") or start_ns
    return SpanRow(
        **facts.columns(),
        span_id=run_span_id(facts.identity.trace_id),
        kind=SpanKind.RUN,
        name=facts.pipeline,
        start_ns=start_ns,
        end_ns=max(start_ns, end_ns),
        result=_result(pipeline, state),
        state=state,
        url=pipeline.url("web_url"),
    )


def pipeline_state(pipeline: Payload) -> RunState | None:
    """What a pipeline is doing; None once it is over, or waits for a person to go on.

    Raises:
        PayloadError: GitLab knows no such status.
    """
    status = pipeline.required_text("status")
    if status in _UNTOLD or status in _RESULTS:
        return None
    if status not in _STATES:
        known = ", ".join((*_RESULTS, *_STATES, *_UNTOLD))
        raise PayloadError(f"{pipeline.place}: status must be one of {known}, not {status[:80]!r}")
    return _STATES[status]


def job_row(job: Payload, facts: RunFacts, *, retry: int, heard_ns: int) -> SpanRow | None:
    """The row of one try of a job; None for one that waits for a person or a time, or was never started.

    Args:
        job: The API's job or bridge.
        facts: Of its pipeline.
        retry: How often it was tried before.
        heard_ns: When it was told.

    Raises:
        PayloadError: It lacks something or is not what it should be.
    """
    state = pipeline_state(job)
    if job.text("status") in _UNTOLD:
        return None
    started_ns = job.instant_ns("started_at")
    queued_ns = _queued_ns(job, started_ns, state, heard_ns)
    if state is RunState.PENDING:
        started_ns = queued_ns or job.instant_ns("created_at")
    if started_ns is None:
        # Skipped, or cancelled before a runner took it.
        started_ns = job.instant_ns("finished_at") or job.instant_ns("created_at")
    if started_ns is None:
        raise PayloadError(f"{job.place}: it lacks created_at and started_at")
    end_ns = heard_ns if state else job.instant_ns("finished_at") or started_ns
    name = job.required_text("name")
    label = f"{name} (retry {retry})" if retry else name
    runner = job.part("runner")
    trace_id = facts.identity.trace_id
    return SpanRow(
        **facts.columns(),
        span_id=job_span_id(trace_id, label),
        parent_span_id=run_span_id(trace_id),
        kind=SpanKind.JOB,
        name=label,
        start_ns=started_ns,
        end_ns=max(started_ns, end_ns) if state else not_before(started_ns, end_ns, job.place),
        queued_ns=queued_ns,
        job_id=job_key(name),
        job_name=label,
        job_run_id=str(job.required_whole("id")),
        worker=runner.text("description"),
        runner_labels=job.texts("tag_list"),
        result=_result(job, state),
        state=state,
        url=job.url("web_url"),
    )


def job_key(name: str) -> str:
    """The job's key in the file: `test` of `test 1/3` and of `test: [3.12, linux]`."""
    head, separator, _ = name.partition(": [")
    if separator and head and name.endswith("]"):
        return head
    shard = _SHARD.fullmatch(name)
    return shard["job"] if shard and int(shard["total"][:9]) > 1 else name


def _queued_ns(job: Payload, started_ns: int | None, state: RunState | None, heard_ns: int) -> int | None:
    """When it came into the queue: `created_at` is when the pipeline was made, long before its needs were done."""
    queued_s = job.seconds("queued_duration")
    if queued_s is None:
        return None
    since_ns = heard_ns if state is RunState.PENDING else started_ns
    return None if since_ns is None else max(0, since_ns - round(queued_s * _NS_PER_S))


def _result(item: Payload, state: RunState | None) -> Result:
    if state is not None:
        return Result.SUCCESS
    result = _RESULTS.get(item.required_text("status"), Result.SUCCESS)
    if result is not Result.FAILURE:
        return result
    reason = item.text("failure_reason")
    if reason in _TIMEOUTS:
        return Result.TIMEOUT
    return Result.FAILURE if reason in _OWN_FAILURES else Result.ERROR
