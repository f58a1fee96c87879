"""Workflow runs and jobs of GitHub as rows.

The same objects come from the REST API ("Workflow runs", "Workflow jobs") and in the webhooks `workflow_run` and
`workflow_job` ("Webhook events and payloads"), GitHub REST API version 2022-11-28.
"""

from __future__ import annotations

from collections.abc import Sequence

from makespan_collector.providers.github_steps import PlacedStep, place_steps
from makespan_collector.providers.payload import Payload, PayloadError
from makespan_collector.providers.run_facts import RunFacts, not_before
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.identity import RunIdentity, job_span_id, run_span_id, step_span_id
from makespan_model.records import Result, RunState

PROVIDER = "github"
_COMPLETED = "completed"

RESULTS = {
    "success": Result.SUCCESS,
    "neutral": Result.SUCCESS,
    "failure": Result.FAILURE,
    "cancelled": Result.CANCELLATION,
    "skipped": Result.SKIP,
    "timed_out": Result.TIMEOUT,
    "action_required": Result.SKIP,
    "stale": Result.TIMEOUT,
    "startup_failure": Result.ERROR,
}
"""Conclusions as results of the semantic conventions.

`neutral` does not stop anything; a run with `action_required` waits for a person and ran nothing; `stale` was given
up by GitHub after 14 days.
"""


def run_facts(run: Payload, repository: str, source: str) -> RunFacts:
    """What all rows of a run share.

    Args:
        run: The `workflow_run` object.
        repository: `owner/name`.
        source: Who said so.

    Raises:
        PayloadError: It lacks something or is not what it should be.
    """
    attempt = run.whole("run_attempt") or 1
    identity = RunIdentity(PROVIDER, repository, str(run.required_whole("id")), _small(attempt, run.place))
    change = next((part.whole("number") for part in run.parts("pull_requests")), None)
    return RunFacts(
        identity,
        # GITHUB_WORKFLOW is the file's path where the workflow has no name; so is `name`.
        pipeline=run.text("name") or run.text("path") or repository,
        source=source,
        ref=run.text("head_branch"),
        commit=run.text("head_sha"),
        event=run.text("event"),
        actor=run.part("actor").text("login"),
        change=None if change is None else str(change),
    )


def run_row(run: Payload, facts: RunFacts, *, heard_ns: int, ended_ns: int | None = None) -> SpanRow:
    """The row of a run.

    Args:
        run: The `workflow_run` object.
        facts: Of `run_facts`.
        heard_ns: When it was told; what is not over yet lasts until then.
        ended_ns: When its last job ended; the API has no such time, and `updated_at` moves on later.

    Raises:
        PayloadError: It lacks something or is not what it should be.
    """
    start_ns = run.instant_ns("run_started_at") or run.instant_ns("created_at")
    if start_ns is None:
        raise PayloadError(f"{run.place}: it lacks run_started_at")
    state = _state(run)
    end_ns = heard_ns if state else ended_ns or run.instant_ns("updated_at") or start_ns
    url = run.url("html_url")
    trace_id = facts.identity.trace_id
    return SpanRow(
        **facts.columns(),
        span_id=run_span_id(trace_id),
        kind=SpanKind.RUN,
        name=facts.pipeline,
        start_ns=start_ns,
        end_ns=max(start_ns, end_ns),
        result=_result(run, state),
        state=state,
        url=url and f"{url}/attempts/{facts.identity.attempt}",
    )


def job_facts(job: Payload, repository: str, source: str) -> RunFacts:
    """What a job says of its run, where nothing but the job was told.

    Raises:
        PayloadError: It lacks something or is not what it should be.
    """
    attempt = _small(job.whole("run_attempt") or 1, job.place)
    return RunFacts(
        RunIdentity(PROVIDER, repository, str(job.required_whole("run_id")), attempt),
        pipeline=job.text("workflow_name") or repository,
        source=source,
        ref=job.text("head_branch"),
        commit=job.text("head_sha"),
    )


def job_rows(job: Payload, facts: RunFacts, *, heard_ns: int) -> list[SpanRow]:
    """The row of a job, and those of its steps once it is over.

    Args:
        job: The `workflow_job` object.
        facts: Of its run.
        heard_ns: When it was told.

    Raises:
        PayloadError: It lacks something or is not what it should be.
    """
    label = job.required_text("name")
    state = _state(job)
    queued_ns = job.instant_ns("created_at")
    # A job in the queue has a start, too: that of its waiting.
    started_ns = queued_ns if state is RunState.PENDING else job.instant_ns("started_at") or queued_ns
    if started_ns is None:
        raise PayloadError(f"{job.place}: it lacks started_at and created_at")
    end_ns = heard_ns if state else job.instant_ns("completed_at") or started_ns
    end_ns = max(started_ns, end_ns) if state else not_before(started_ns, end_ns, job.place)
    trace_id = facts.identity.trace_id
    shared = {
        **facts.columns(),
        "job_id": job_key(label),
        "job_name": label,
        "job_run_id": str(job.required_whole("id")),
        "worker": job.text("runner_name"),
        "runner_labels": job.texts("labels"),
        "url": job.url("html_url"),
    }
    row = SpanRow(
        **shared,
        span_id=job_span_id(trace_id, label),
        parent_span_id=run_span_id(trace_id),
        kind=SpanKind.JOB,
        name=label,
        start_ns=started_ns,
        end_ns=end_ns,
        queued_ns=queued_ns,
        result=_result(job, state),
        state=state,
    )
    return [row] if state else [row, *_step_rows(job, label, shared, row)]


def _step_rows(job: Payload, label: str, shared: dict[str, object], job_row: SpanRow) -> list[SpanRow]:
    steps = sorted(job.parts("steps"), key=lambda step: step.required_whole("number"))
    places = place_steps([step.required_text("name") for step in steps])
    rows = []
    last_ns = job_row.start_ns
    for step, place in zip(steps, places, strict=True):
        if step.text("status") != _COMPLETED:
            continue  # The job was cancelled before it came to this one.
        start_ns = step.instant_ns("started_at") or last_ns
        last_ns = not_before(start_ns, step.instant_ns("completed_at") or start_ns, step.place)
        rows.append(_step_row(step, place, label, shared, start_ns=start_ns, end_ns=last_ns))
    return rows


def _step_row(
    step: Payload, place: PlacedStep, label: str, shared: dict[str, object], *, start_ns: int, end_ns: int
) -> SpanRow:
    trace_id = str(shared["trace_id"])
    return SpanRow(
        **{**shared, "url": None},  # type: ignore[arg-type]
        span_id=step_span_id(trace_id, label, place.path),
        parent_span_id=job_span_id(trace_id, label),
        kind=SpanKind.STEP,
        name=step.required_text("name"),
        start_ns=start_ns,
        end_ns=end_ns,
        step_path=place.path,
        step_index=place.index,
        step_kind=place.kind,
        result=_result(step, None),
    )


def job_key(label: str) -> str:
    """The job's key, as far as its label shows it: `test` of `test (3.12, linux)`.

    A job of a reusable workflow is called `caller / job`; GITHUB_JOB is the key within.
    """
    name = label.rpartition(" / ")[2]
    head, separator, _ = name.partition(" (")
    return head if separator and head and name.endswith(")") else name


def last_end_ns(rows: Sequence[SpanRow]) -> int | None:
    """When the last job ended; None where none ran or one has not ended."""
    jobs = [row for row in rows if row.kind is SpanKind.JOB]
    if not jobs or any(job.state is not None for job in jobs):
        return None
    return max(job.end_ns for job in jobs)


def _state(item: Payload) -> RunState | None:
    status = item.text("status")
    if status == _COMPLETED:
        return None
    return RunState.EXECUTING if status == "in_progress" else RunState.PENDING


def _result(item: Payload, state: RunState | None) -> Result:
    """What is under way has not failed yet."""
    if state is not None:
        return Result.SUCCESS
    conclusion = item.text("conclusion")
    if conclusion is None:
        return Result.ERROR
    result = RESULTS.get(conclusion)
    if result is None:
        raise PayloadError(f"{item.place}: conclusion must be one of {', '.join(RESULTS)}, not {conclusion[:80]!r}")
    return result


def _small(attempt: int, place: str) -> int:
    if attempt > 1_000_000:
        raise PayloadError(f"{place}: run_attempt must be a number of tries, not {attempt}")
    return attempt
