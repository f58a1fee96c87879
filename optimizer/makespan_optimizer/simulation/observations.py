"""What recorded runs show of each job of a pipeline: one row a run, one column a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from makespan_analytics.change_points.detection import detect_many
from makespan_analytics.precedence import predecessors
from makespan_model.records import JobRun, PipelineRun, Result
from makespan_optimizer.simulation.draws import Flags, Floats
from makespan_optimizer.simulation.recorded_jobs import recorded_jobs, retries_of
from makespan_optimizer.simulation.shape import JobShape, PipelineShape, StartsWhen

_FAILED = (Result.FAILURE, Result.ERROR, Result.TIMEOUT)
_SHORTEST_S = 1e-3
"""Level of a job that takes no time at all: ratios to it must exist. Providers record whole seconds."""


class Composition(Protocol):
    """What is known of jobs that no run has run as they are."""

    def covers(self, job_id: str) -> bool:
        """Whether the durations of a job come from here, and not from the job as it was recorded."""

    def duration(self, run: PipelineRun, job: JobShape) -> tuple[float, bool] | None:
        """Seconds the job would have taken in a run, and whether it would have failed; None when not known."""

    def left_out(self, shape: PipelineShape) -> tuple[tuple[str, ...], ...]:
        """For every job the names of steps that nobody measured."""


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Recorded runs of a pipeline, oldest first. NaN stands for what a run does not tell.

    Attributes:
        level_s: (jobs,): median duration since the last change point of the job; NaN where it was never seen.
        ratio: (runs, jobs): a duration over the level of its time: what is left when changes are taken out.
        failed: (runs, jobs): 1 where it failed, 0 where it succeeded; known where `ratio` is.
        failed_again: (runs, jobs): of a job that was tried a second time, 1 where that failed too, 0 where it passed.
        let: (runs, jobs): 1 where the job ran, 0 where its own condition kept it from running.
        delay_s: (runs, jobs): from the end of what it waited for to its start: queueing, start-up, gaps.
        tail_s: (runs,): from the end of the last job to the end of the run.
        is_whole: (runs,): whether the run went its own way from its first job on: nobody cancelled it, and it is no
            second attempt at a few jobs.
        start_ns: Starts of the runs.
        labels: (jobs,): what the newest run says the job asked of its runner; None where no run says it.
        left_out: (jobs,): names of steps whose durations nobody knows and which the durations lack; empty for none.
    """

    level_s: Floats
    ratio: Floats
    failed: Floats
    failed_again: Floats
    let: Floats
    delay_s: Floats
    tail_s: Floats
    is_whole: Flags
    start_ns: tuple[int, ...]
    labels: tuple[tuple[str, ...] | None, ...]
    left_out: tuple[tuple[str, ...], ...] = ()

    @property
    def counts(self) -> list[int]:
        """Runs that tell the duration of each job."""
        return [int(count) for count in np.count_nonzero(~np.isnan(self.ratio), axis=0)]


def observe(shape: PipelineShape, runs: Sequence[PipelineRun], composition: Composition | None = None) -> Observations:
    """Read the runs of a pipeline, oldest first; those that have not ended are left out.

    So is a run in which no job ran. What was cancelled tells no duration: it would have
    gone on. `composition` gives the durations of jobs that no run has run as they are.

    Raises:
        InputError: The recorded `needs` of a run form a circle.
    """
    ended = [
        (run, recorded_jobs(shape, run)) for run in runs if run.state is None and any(_ran(job) for job in run.jobs)
    ]
    size = (len(ended), len(shape.jobs))
    duration_s, failed, failed_again, let, delay_s = (np.full(size, np.nan) for _ in range(5))
    tail_s = np.zeros(len(ended))
    composed = [composition is not None and composition.covers(job.job_id) for job in shape.jobs]
    # Before a job was first seen the file may not have had it; one that never was seen may have been there always.
    unseen = {column for column in range(size[1]) if all(jobs[column] is None for _, jobs in ended)}
    seen = set(unseen)
    # Which jobs a GitLab pipeline has depends on its event, also without a rule.
    may_lack = [
        job.conditional or (shape.absent_passes and column not in unseen) for column, job in enumerate(shape.jobs)
    ]
    for row, (run, jobs) in enumerate(ended):
        seen.update(column for column, job in enumerate(jobs) if job is not None)
        for column, job in enumerate(jobs):
            if (job is not None and _ran(job)) or (may_lack[column] and column in seen):
                let[row, column] = _let(shape, run, jobs, column)
            told = _duration(job)
            if composition is not None and composed[column]:
                told = composition.duration(run, shape.jobs[column])
            if told is not None:
                duration_s[row, column], failed[row, column] = told
            again = None if job is None else _duration(next(iter(retries_of(run, job.name)), None))
            if again is not None:
                failed_again[row, column] = again[1]
        delay_s[row] = _delays_s(shape, run, jobs)
        last_ns = max(job.end_ns for job in run.jobs)
        tail_s[row] = max(0, run.end_ns - last_ns) / 1e9
    level_s, ratio = _without_changes(duration_s, failed)
    return Observations(
        level_s=level_s,
        ratio=ratio,
        failed=failed,
        failed_again=failed_again,
        let=let,
        delay_s=delay_s,
        tail_s=tail_s,
        is_whole=np.array([_is_whole(run) for run, _ in ended], dtype=np.bool_),
        start_ns=tuple(run.start_ns for run, _ in ended),
        labels=_labels(shape, ended),
        left_out=() if composition is None else composition.left_out(shape),
    )


def _duration(job: JobRun | None) -> tuple[float, bool] | None:
    """Seconds, and whether it failed; None where it did not come to its end."""
    if job is None or not (job.result is Result.SUCCESS or job.result in _FAILED):
        return None
    return job.duration_s, job.result is not Result.SUCCESS


def _is_whole(run: PipelineRun) -> bool:
    return run.result is not Result.CANCELLATION and run.identity.attempt == 1


def _ran(job: JobRun) -> bool:
    return job.result is not Result.SKIP


def _let(shape: PipelineShape, run: PipelineRun, jobs: Sequence[JobRun | None], column: int) -> float:
    """Whether the job's own condition held; NaN where the jobs before it, or a cancellation, may have been why not."""
    job, found = shape.jobs[column], jobs[column]
    if found is not None and _ran(found):
        return 1.0
    if not _is_whole(run):
        return np.nan
    if job.starts_when is StartsWhen.ALWAYS:
        return 0.0
    before = [jobs[other] for other in _ancestors(shape, column)]
    results = [None if other is None else other.result for other in before]
    if job.starts_when is StartsWhen.FAILURE:
        return 0.0 if any(result in _FAILED for result in results) else np.nan
    if shape.absent_passes:
        results = [result for result in results if result not in (None, Result.SKIP)]
    return 0.0 if all(result is Result.SUCCESS for result in results) else np.nan


def _ancestors(shape: PipelineShape, column: int) -> set[int]:
    found: set[int] = set()
    waiting = list(shape.before(column))
    while waiting:
        leg = waiting.pop()
        if leg not in found:
            found.add(leg)
            waiting += shape.before(leg)
    return found


def _delays_s(shape: PipelineShape, run: PipelineRun, jobs: Sequence[JobRun | None]) -> Floats:
    """Seconds before each job that its needs do not explain; the file's needs where the run recorded none."""
    # Recorded ids may be the names that are shown: recorded needs must find them.
    renamed = {
        job.name: replace(job, job_id=shape.jobs[column].job_id) for column, job in enumerate(jobs) if job is not None
    }
    others = [job for job in run.jobs if job.name not in renamed]
    before = predecessors(replace(run, jobs=(*renamed.values(), *others)))
    found = np.full(len(jobs), np.nan)
    ends_ns: list[int] = []
    for column, job in enumerate(jobs):
        by_file_ns = max((ends_ns[other] for other in shape.before(column)), default=run.start_ns)
        ran = job is not None and _ran(job)
        # What did not run hands on what it had to wait for.
        ends_ns.append(_end_ns(run, job) if job is not None and ran else by_file_ns)
        # A job that waits for its group or for other legs has that in its delay; the simulation adds it itself.
        if job is not None and ran and shape.jobs[column].group is None:
            ready_ns = by_file_ns
            if job.needs is not None:
                ready_ns = max((_end_ns(run, other) for other in before[job.name]), default=run.start_ns)
            found[column] = max(0, job.start_ns - ready_ns) / 1e9
    for legs in shape.legs.values():
        if shape.jobs[legs[0]].max_parallel is not None and not np.all(np.isnan(found[list(legs)])):
            found[list(legs)] = np.nanmin(found[list(legs)])
    return found


def _end_ns(run: PipelineRun, job: JobRun) -> int:
    """When the last attempt at a job ended."""
    return max((job.end_ns, *(again.end_ns for again in retries_of(run, job.name))))


def _without_changes(duration_s: Floats, failed: Floats) -> tuple[Floats, Floats]:
    """The current level of each job, and every duration over the level of its time."""
    passed_s = np.where(failed == 0.0, duration_s, np.nan)
    columns = [passed_s[:, column] for column in range(passed_s.shape[1])]
    level_s = np.full(len(columns), np.nan)
    ratio = np.full(duration_s.shape, np.nan)
    for column, (series, changes) in enumerate(zip(columns, detect_many(columns), strict=True)):
        # A job that never succeeded has the level of its failures.
        known = series if np.any(~np.isnan(series)) else duration_s[:, column]
        bounds = [0, *(change.index for change in changes), len(series)]
        for begin, end in pairwise(bounds):
            regime = known[begin:end]
            if np.any(~np.isnan(regime)):
                level_s[column] = max(float(np.nanmedian(regime)), _SHORTEST_S)
            ratio[begin:end, column] = duration_s[begin:end, column] / level_s[column]
    return level_s, ratio


def _labels(
    shape: PipelineShape, ended: Sequence[tuple[PipelineRun, Sequence[JobRun | None]]]
) -> tuple[tuple[str, ...] | None, ...]:
    found: list[tuple[str, ...] | None] = [None] * len(shape.jobs)
    for _, jobs in ended:
        for column, job in enumerate(jobs):
            if job is not None and job.runner_labels is not None:
                found[column] = job.runner_labels
    return tuple(found)
