"""What recorded runs show of each job of a pipeline: one row a run, one column a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from makespan_analytics.change_points.detection import detect_many
from makespan_analytics.precedence import predecessors
from makespan_model.records import JobRun, PipelineRun, Result
from makespan_optimizer.simulation.draws import Flags, Floats
from makespan_optimizer.simulation.recorded_jobs import all_retries, recorded_jobs
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
    """Read the runs of a pipeline, oldest first.

    Those that have not ended, and those in which no job ran, are left out. What was cancelled tells no duration: it
    would have gone on. `composition` gives the durations of jobs that no run has run as they are.

    Raises:
        InputError: The recorded `needs` of a run form a circle.
    """
    ended = [
        _Recorded(run, recorded_jobs(shape, run), all_retries(run))
        for run in runs
        if run.state is None and any(_ran(job) for job in run.jobs)
    ]
    size = (len(ended), len(shape.jobs))
    duration_s, failed, failed_again = (np.full(size, np.nan) for _ in range(3))
    for row, recorded in enumerate(ended):
        for column, job in enumerate(recorded.jobs):
            told = _duration(job)
            if composition is not None and composition.covers(shape.jobs[column].job_id):
                told = composition.duration(recorded.run, shape.jobs[column])
            if told is not None:
                duration_s[row, column], failed[row, column] = told
            again = None if job is None else _duration(next(iter(recorded.retries.get(job.name, ())), None))
            if again is not None:
                failed_again[row, column] = again[1]
    level_s, ratio = _without_changes(duration_s, failed)
    return Observations(
        level_s=level_s,
        ratio=ratio,
        failed=failed,
        failed_again=failed_again,
        let=_lets(shape, ended),
        delay_s=np.array([_delays_s(shape, recorded) for recorded in ended]).reshape(size),
        tail_s=np.array([_tail_s(recorded.run) for recorded in ended]),
        is_whole=np.array([_is_whole(recorded.run) for recorded in ended], dtype=np.bool_),
        start_ns=tuple(recorded.run.start_ns for recorded in ended),
        labels=_labels(shape, ended),
        left_out=() if composition is None else composition.left_out(shape),
    )


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A run, what it recorded of each job of the shape, and further attempts by the name of the first."""

    run: PipelineRun
    jobs: Sequence[JobRun | None]
    retries: Mapping[str, Sequence[JobRun]]

    def end_ns(self, job: JobRun) -> int:
        """When the last attempt at a job ended."""
        return max(one.end_ns for one in (job, *self.retries.get(job.name, ())))


def _tail_s(run: PipelineRun) -> float:
    return max(0, run.end_ns - max(job.end_ns for job in run.jobs if _ran(job))) / 1e9


def _duration(job: JobRun | None) -> tuple[float, bool] | None:
    """Seconds, and whether it failed; None where it did not come to its end."""
    if job is None or not (job.result is Result.SUCCESS or job.result in _FAILED):
        return None
    return job.duration_s, job.result is not Result.SUCCESS


def _is_whole(run: PipelineRun) -> bool:
    return run.result is not Result.CANCELLATION and run.identity.attempt == 1


def _ran(job: JobRun) -> bool:
    return job.result is not Result.SKIP


def _lets(shape: PipelineShape, ended: Sequence[_Recorded]) -> Floats:
    let = np.full((len(ended), len(shape.jobs)), np.nan)
    for column, job in enumerate(shape.jobs):
        # Before a job was first seen the file may not have had it; one never seen may have been there always.
        rows = [row for row, recorded in enumerate(ended) if recorded.jobs[column] is not None]
        first = rows[0] if rows else 0
        # Which jobs a GitLab pipeline has depends on its event, also without a rule.
        may_lack = job.conditional or (shape.absent_passes and bool(rows))
        before = _ancestors(shape, column) if may_lack else set()
        for row, recorded in enumerate(ended):
            found = recorded.jobs[column]
            if found is not None and _ran(found):
                let[row, column] = 1.0
            elif (
                may_lack and row >= first and _is_whole(recorded.run) and _had_its_turn(shape, recorded, column, before)
            ):
                let[row, column] = 0.0
    return let


def _had_its_turn(shape: PipelineShape, recorded: _Recorded, column: int, before: set[int]) -> bool:
    """Whether the jobs before a job ended so that only its own condition can have kept it from running."""
    job = shape.jobs[column]
    if job.starts_when is StartsWhen.ALWAYS:
        return True
    results = [None if (other := recorded.jobs[number]) is None else other.result for number in before]
    if job.starts_when is StartsWhen.FAILURE:
        return any(result in _FAILED for result in results)
    if shape.absent_passes:
        results = [result for result in results if result not in (None, Result.SKIP)]
    return all(result is Result.SUCCESS for result in results)


def _ancestors(shape: PipelineShape, column: int) -> set[int]:
    found: set[int] = set()
    waiting = list(shape.before(column))
    while waiting:
        leg = waiting.pop()
        if leg not in found:
            found.add(leg)
            waiting += shape.before(leg)
    return found


def _delays_s(shape: PipelineShape, recorded: _Recorded) -> Floats:
    """Seconds before each job that its needs do not explain; the file's needs where the run recorded none."""
    run, jobs = recorded.run, recorded.jobs
    # Recorded ids may be the names that are shown: recorded needs must find them. Who has none is not asked below, and
    # without an empty list would be told from times alone, at great length.
    renamed = {
        job.name: replace(job, job_id=shape.jobs[column].job_id, needs=job.needs or ())
        for column, job in enumerate(jobs)
        if job is not None
    }
    others = [replace(job, needs=job.needs or ()) for job in run.jobs if job.name not in renamed]
    before = predecessors(replace(run, jobs=(*renamed.values(), *others)))
    found = np.full(len(jobs), np.nan)
    ends_ns: list[int] = []
    for column, job in enumerate(jobs):
        by_file_ns = max((ends_ns[other] for other in shape.before(column)), default=run.start_ns)
        ran = job is not None and _ran(job)
        # What did not run hands on what it had to wait for.
        ends_ns.append(recorded.end_ns(job) if job is not None and ran else by_file_ns)
        # A job that waits for its group or for other legs has that in its delay; the simulation adds it itself.
        if job is not None and ran and shape.jobs[column].group is None:
            ready_ns = by_file_ns
            if job.needs is not None:
                ready_ns = max((recorded.end_ns(other) for other in before[job.name]), default=run.start_ns)
            found[column] = max(0, job.start_ns - ready_ns) / 1e9
    for legs in shape.legs.values():
        if shape.jobs[legs[0]].max_parallel is not None and not np.all(np.isnan(found[list(legs)])):
            found[list(legs)] = np.nanmin(found[list(legs)])
    return found


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


def _labels(shape: PipelineShape, ended: Sequence[_Recorded]) -> tuple[tuple[str, ...] | None, ...]:
    found: list[tuple[str, ...] | None] = [None] * len(shape.jobs)
    for recorded in ended:
        for column, job in enumerate(recorded.jobs):
            if job is not None and job.runner_labels is not None:
                found[column] = job.runner_labels
    return tuple(found)
