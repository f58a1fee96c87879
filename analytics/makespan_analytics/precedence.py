"""Which jobs a job of a run waited for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from makespan_model.errors import InputError
from makespan_model.records import JobRun, PipelineRun, Result


def predecessors(run: PipelineRun) -> dict[str, tuple[JobRun, ...]]:
    """For every job that ran, by name, the jobs that had to end before it.

    With `needs`: every leg of every needed job. A skipped job passes on what it needed itself, because
    a job behind it (`if: always()`) still had to wait for that. Without `needs`: the one job that ended
    last before this one started, which is all that times alone can tell.
    """
    legs: dict[str, list[JobRun]] = defaultdict(list)
    for job in run.jobs:
        legs[job.job_id].append(job)
    executed = executed_jobs(run)
    return {job.name: _waited_for(job, legs, executed) for job in executed}


def executed_jobs(run: PipelineRun) -> tuple[JobRun, ...]:
    """The jobs that were not skipped."""
    return tuple(job for job in run.jobs if job.result is not Result.SKIP)


def topological_order(before: Mapping[str, Sequence[JobRun]]) -> list[str]:
    """Job names such that every job comes after its predecessors.

    Args:
        before: What `predecessors` returned.

    Raises:
        InputError: The jobs wait for each other in a circle.
    """
    order: list[str] = []
    done: set[str] = set()
    for start in before:
        # (job, whether its predecessors are done already): an explicit stack, as chains may be long.
        stack = [(start, False)]
        under_way: set[str] = set()
        while stack:
            name, expanded = stack.pop()
            if expanded:
                under_way.discard(name)
                done.add(name)
                order.append(name)
            elif name not in done:
                if name in under_way:
                    raise InputError(f"the recorded `needs` form a circle through job {name!r}")
                under_way.add(name)
                stack.append((name, True))
                stack += [(job.name, False) for job in before[name] if job.name not in done]
    return order


def _waited_for(job: JobRun, legs: Mapping[str, Sequence[JobRun]], executed: Sequence[JobRun]) -> tuple[JobRun, ...]:
    if job.needs is None:
        earlier = [other for other in executed if other.end_ns <= job.start_ns and other.name != job.name]
        # Of instantaneous jobs, only those listed before this one count: two of them cannot wait for each other.
        earlier = [other for other in earlier if (other.start_ns, other.name) < (job.start_ns, job.name)]
        return (max(earlier, key=lambda other: (other.end_ns, other.name)),) if earlier else ()
    found: dict[str, JobRun] = {}
    seen: set[str] = set()
    pending = list(job.needs)
    while pending:
        job_id = pending.pop()
        if job_id in seen:
            continue
        seen.add(job_id)
        for leg in legs.get(job_id, ()):
            if leg.result is Result.SKIP:
                pending += leg.needs or ()
            else:
                found[leg.name] = leg
    return tuple(found[name] for name in sorted(found))
