"""One line of CSV or JSON as a row: a step where it names one, else a job, else a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from makespan_collector.importers.row_fields import FieldError
from makespan_collector.providers.github_rows import job_key as github_job_key
from makespan_collector.providers.gitlab_rows import job_key as gitlab_job_key
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.identity import RunIdentity, job_span_id, run_span_id, step_span_id
from makespan_model.records import Result, StepKind
from makespan_model.vocabulary import USAGE_AMOUNTS, USAGE_COUNTS

DEFAULT_PROVIDER = "import"
_UNITS = ("ns", "us", "ms", "s")
_MOMENTS = {
    name: (f"{name}_at", *(f"{name}_unix_{unit}" for unit in _UNITS)) for name in ("queued", "started", "ended")
}
_LENGTHS = {name: tuple(f"{name}_{unit}" for unit in _UNITS) for name in ("queue", "duration")}
_COPIED = ("ref", "commit", "event", "actor", "change", "url")
_OF_JOB = ("worker", "runner_labels", "job_run_id")
_OF_STEP = ("exit_code", "cache_outcome", "memory_peak_source", *USAGE_AMOUNTS, *USAGE_COUNTS)


@dataclass(frozen=True, slots=True)
class _Times:
    queued_ns: int | None
    start_ns: int
    end_ns: int


def row_of(values: Mapping[str, Any], source: str) -> SpanRow:
    """The row.

    Args:
        values: Fields by their name, read.
        source: `csv` or `jsonl`.

    Raises:
        FieldError: A field is missing, or two do not go together.
    """
    run_id = values.get("run_id")
    if run_id is None:
        raise FieldError("it lacks run_id")
    identity = RunIdentity(
        values.get("provider") or DEFAULT_PROVIDER,
        values.get("repository") or "",
        run_id,
        values.get("attempt") or 1,
    )
    times = _times(values)
    step, job = values.get("step"), values.get("job")
    pipeline = values.get("pipeline") or identity.repository or "pipeline"
    trace_id = identity.trace_id
    shared: dict[str, Any] = {
        "trace_id": trace_id,
        "provider": identity.provider,
        "repository": identity.repository,
        "run_id": run_id,
        "attempt": identity.attempt,
        "pipeline": pipeline,
        "start_ns": times.start_ns,
        "end_ns": times.end_ns,
        "result": values.get("result") or Result.SUCCESS,
        "source": source,
        **{name: values.get(name) for name in _COPIED},
    }
    if job is None:
        if step is not None:
            raise FieldError("it has a step, but lacks job")
        return SpanRow(**shared, span_id=run_span_id(trace_id), kind=SpanKind.RUN, name=pipeline)
    shared |= {"job_name": job, "job_id": values.get("job_id") or _job_key(identity.provider, job)}
    shared |= {name: values.get(name) for name in _OF_JOB}
    if step is not None:
        return _step_row(values, shared, step)
    return SpanRow(
        **shared,
        span_id=job_span_id(trace_id, job),
        parent_span_id=run_span_id(trace_id),
        kind=SpanKind.JOB,
        name=job,
        queued_ns=times.queued_ns,
        needs=values.get("needs"),
    )


def _step_row(values: Mapping[str, Any], shared: dict[str, Any], step: str) -> SpanRow:
    index = values.get("step_index")
    # The agent's own path for a step of a known position, see `identity/step_identity.py` there.
    path = values.get("step_path") or (step if index is None else f"#{index}")
    used: dict[str, Any] = {name: values.get(name) for name in _OF_STEP}
    return SpanRow(
        **shared,
        **used,
        span_id=step_span_id(shared["trace_id"], shared["job_name"], path),
        parent_span_id=job_span_id(shared["trace_id"], shared["job_name"]),
        kind=SpanKind.STEP,
        name=step,
        step_path=path,
        step_index=index,
        step_kind=values.get("step_kind") or StepKind.RUN,
    )


def _times(values: Mapping[str, Any]) -> _Times:
    """Two of start, end and duration, and when it was queued or for how long."""
    start_ns, end_ns = _moment(values, "started"), _moment(values, "ended")
    queued_ns, queue_ns, duration_ns = _moment(values, "queued"), _length(values, "queue"), _length(values, "duration")
    if start_ns is None and end_ns is not None and duration_ns is not None:
        start_ns = end_ns - duration_ns
    if start_ns is None and queued_ns is not None:
        start_ns = queued_ns + (queue_ns or 0)
    if start_ns is None:
        raise FieldError("it lacks a start: started_at or started_unix_s, or an end and a duration")
    if end_ns is None and duration_ns is not None:
        end_ns = start_ns + duration_ns
    if end_ns is None:
        raise FieldError("it lacks an end: ended_at or ended_unix_s, or duration_s")
    if not 0 < start_ns <= end_ns < 2**63:
        raise FieldError(f"it ends before it starts, or beyond what can be: {start_ns} .. {end_ns} ns")
    if queued_ns is None and queue_ns is not None:
        queued_ns = max(0, start_ns - queue_ns)
    return _Times(queued_ns, start_ns, end_ns)


def _moment(values: Mapping[str, Any], name: str) -> int | None:
    return _first_of(values, _MOMENTS[name])


def _length(values: Mapping[str, Any], name: str) -> int | None:
    return _first_of(values, _LENGTHS[name])


def _first_of(values: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        found: int | None = values.get(name)
        if found is not None:
            return found
    return None


def _job_key(provider: str, label: str) -> str:
    return gitlab_job_key(label) if provider == "gitlab" else github_job_key(label)
