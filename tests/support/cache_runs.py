"""Runs with one cache step in one job, for tests of cache statistics."""

from __future__ import annotations

from dataclasses import replace

from makespan_model.records import CacheOutcome, PipelineRun, Result, RunState, Usage
from support.pipeline_runs import EPOCH, SECOND, job, run, step

HIT, PARTIAL, MISS = CacheOutcome.HIT, CacheOutcome.PARTIAL, CacheOutcome.MISS
HOUR_S = 3_600.0


def cached_run(
    run_id: int,
    outcome: CacheOutcome,
    *,
    hours: float,
    job_s: float = 60.0,
    ref: str | None = "main",
    commit: str | None = None,
    event: str = "push",
    result: Result = Result.SUCCESS,
    provider: str = "github",
    label: str = "build",
    written_bytes: int | None = None,
    running: bool = False,
) -> PipelineRun:
    """A run that starts some hours after the epoch; its job restores a cache for a second, then works."""
    start_s = hours * HOUR_S
    restore = replace(
        step("#1", start_s, start_s + 1), cache_outcome=outcome, usage=Usage(io_write_bytes=written_bytes), name="cache"
    )
    work = step("#2", start_s + 1, start_s + job_s, result=result)
    one = job(label, start_s, start_s + job_s, restore, work, result=result, job_id="build")
    one = replace(one, state=RunState.EXECUTING if running else None)
    found = run(one, run_id=f"{run_id:03}", result=result)
    return replace(
        found,
        identity=replace(found.identity, provider=provider),
        start_ns=EPOCH + round(start_s * SECOND),
        ref=ref,
        commit=commit or f"c{run_id}",
        event=event,
    )
