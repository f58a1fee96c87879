"""Every time a cache step looked for its cache, with what the record says about it.

No record has a cache's key or its size. What stands for a key is the step that asks for it, in each leg of its job by
itself: legs usually ask for keys of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from makespan_analytics.branches import is_review
from makespan_analytics.table_columns import joined
from makespan_model.records import CacheOutcome, PipelineRun, Result, pooled_path

_JOB_KEY = ("run_id", "attempt", "job_name")
_COLUMNS = ("provider", "run_id", "attempt", "ref", "commit", "event", "job_id", "job_name", "step", "step_name")
_NUMBERS = ("start_ns", "duration_s", "io_write_bytes", "cache_outcome")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a cache is kept and seen.

    Attributes:
        ref: The branch; None where nobody recorded it.
        review: Whether it belongs to a pull or merge request of that branch: GitHub keeps those apart.
    """

    ref: str | None
    review: bool


@dataclass(frozen=True, slots=True)
class Restore:
    """One time one step looked for its cache.

    Attributes:
        job: The job's label.
        start_ns: Of the step.
        restore_s: What the step took.
        written_bytes: What it wrote to disk, where the agent measured it: about the unpacked cache, of a hit.
        job_s: Wall time of its job; None unless that succeeded.
        job_end_ns: When its job ended; None where it is under way or its record is missing.
    """

    provider: str
    run_id: str
    attempt: int
    scope: Scope
    commit: str | None
    job_id: str
    job: str
    step: str
    name: str
    outcome: CacheOutcome
    start_ns: int
    restore_s: float
    written_bytes: int | None
    job_s: float | None
    job_end_ns: int | None


def restores(jobs: pa.Table, steps: pa.Table) -> list[Restore]:
    """All restores of one pipeline in order of time.

    Args:
        jobs: `JOB_SERIES` of one pipeline.
        steps: Its `STEP_SERIES`.
    """
    asked = steps.filter(pc.field("cache_outcome").is_valid())
    places = joined(asked, jobs, _JOB_KEY).tolist()
    told = jobs.select(["start_ns", "duration_s", "result", "state"]).to_pylist() if places else []
    found = []
    for row, place in zip(asked.select([*_COLUMNS, *_NUMBERS]).to_pylist(), places, strict=True):
        job = told[place] if place >= 0 else None
        has_ended = job is not None and job["state"] is None
        found.append(
            Restore(
                provider=row["provider"],
                run_id=row["run_id"],
                attempt=row["attempt"],
                scope=Scope(row["ref"], is_review(row["event"])),
                commit=row["commit"],
                job_id=row["job_id"],
                job=row["job_name"],
                step=row["step"],
                name=row["step_name"],
                outcome=CacheOutcome(row["cache_outcome"]),
                start_ns=row["start_ns"],
                restore_s=row["duration_s"],
                written_bytes=row["io_write_bytes"],
                job_s=job["duration_s"] if job and has_ended and job["result"] == Result.SUCCESS else None,
                job_end_ns=job["start_ns"] + round(job["duration_s"] * 1e9) if job and has_ended else None,
            )
        )
    return sorted(found, key=_order)


def restores_of(runs: Sequence[PipelineRun]) -> list[Restore]:
    """The same of assembled runs of one pipeline, without tables in between."""
    found = []
    for run in runs:
        scope = Scope(run.ref, is_review(run.event))
        for job in run.jobs:
            has_ended = job.state is None
            for step in job.steps:
                if step.cache_outcome is None:
                    continue
                found.append(
                    Restore(
                        provider=run.identity.provider,
                        run_id=run.identity.run_id,
                        attempt=run.identity.attempt,
                        scope=scope,
                        commit=run.commit,
                        job_id=job.job_id,
                        job=job.name,
                        step=pooled_path(step.path),
                        name=step.name,
                        outcome=step.cache_outcome,
                        start_ns=step.start_ns,
                        restore_s=step.duration_s,
                        written_bytes=step.usage.io_write_bytes,
                        job_s=job.duration_s if has_ended and job.result is Result.SUCCESS else None,
                        job_end_ns=job.end_ns if has_ended else None,
                    )
                )
    return sorted(found, key=_order)


def _order(one: Restore) -> tuple[int, str, int, str, str]:
    return one.start_ns, one.run_id, one.attempt, one.job, one.step
