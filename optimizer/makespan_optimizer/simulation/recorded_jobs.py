"""Finds the jobs of a pipeline's shape in recorded runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from makespan_model.records import JobRun, PipelineRun, Result
from makespan_optimizer.simulation.shape import JobShape, PipelineShape

_RETRY = re.compile(r" \(retry \d+\)$")
_WORST_FIRST = (
    Result.ERROR,
    Result.FAILURE,
    Result.TIMEOUT,
    Result.CANCELLATION,
    Result.SUCCESS,
    Result.SKIP,
)


def with_recorded_legs(shape: PipelineShape, runs: Sequence[PipelineRun]) -> PipelineShape:
    """The shape with the legs that the newest run had, for each matrix that only a run decides."""
    for job_id in sorted(shape.unexpanded):
        job = shape.jobs[shape.legs[job_id][0]]
        for run in reversed(runs):
            found = tuple(sorted(one.name for one in run.jobs if _is_leg(job, one) and one.result is not Result.SKIP))
            if found:
                shape = shape.with_legs(job_id, found)
                break
    return shape


def recorded_jobs(shape: PipelineShape, run: PipelineRun) -> list[JobRun | None]:
    """What a run recorded of each job, in the order of the shape; None where it has none.

    A job is found by its name or an alias; legs whose names differ (a matrix that was changed) by their job, in the
    order of their names.
    """
    by_name = {job.name: job for job in run.jobs}
    found: list[JobRun | None] = []
    for job in shape.jobs:
        exact = next((by_name[name] for name in (job.name, *job.aliases) if name in by_name), None)
        found.append(_called(job, run) if exact is None and job.calls else exact)
    taken = {job.name for job in found if job is not None}
    for legs in shape.legs.values():
        missing = [leg for leg in legs if found[leg] is None]
        if missing:
            left = [one for one in run.jobs if one.name not in taken and _is_leg(shape.jobs[missing[0]], one)]
            for leg, one in zip(missing, sorted(left, key=lambda one: one.name), strict=False):
                found[leg] = one
                taken.add(one.name)
    return found


def all_retries(run: PipelineRun) -> dict[str, list[JobRun]]:
    """Further attempts at jobs within a run by the job's name, in their order.

    Importers record them as `NAME (retry N)`.
    """
    found: dict[str, list[JobRun]] = {}
    for job in sorted(run.jobs, key=lambda job: job.start_ns):
        retry = _RETRY.search(job.name)
        if retry is not None:
            found.setdefault(job.name[: retry.start()], []).append(job)
    return found


def _is_leg(job: JobShape, recorded: JobRun) -> bool:
    is_retry = _RETRY.search(recorded.name) is not None
    return not is_retry and (recorded.job_id == job.job_id or recorded.job_id in job.aliases)


def _called(job: JobShape, run: PipelineRun) -> JobRun | None:
    """The jobs of a called pipeline as one: from the first start to the last end, with the worst result."""
    names = (job.name, job.job_id, *job.aliases)
    inner = [one for one in run.jobs if any(one.name.startswith(f"{name} / ") for name in names)]
    ran = [one for one in inner if one.result is not Result.SKIP] or inner
    if not ran:
        return None
    first = min(ran, key=lambda one: one.start_ns)
    return replace(
        first,
        name=job.name,
        job_id=job.job_id,
        result=min((one.result for one in ran), key=_WORST_FIRST.index),
        end_ns=max(one.end_ns for one in ran),
        steps=(),
        runner_labels=None,
    )
