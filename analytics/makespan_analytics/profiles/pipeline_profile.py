"""What the steps and jobs of a pipeline usually cost, from the runs that were measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from makespan_model.records import JobRun, PipelineRun, Result, StepKind, StepRun, pooled_path


@dataclass(frozen=True, slots=True)
class StepProfile:
    """One step over many runs.

    Attributes:
        job_id: The job's key in the workflow file; matrix legs are pooled.
        path: Its pooled path.
        runs: How often it ran (skipped runs do not count).
        failures: How often it did not succeed.
        durations_s: Wall times of the successful runs in run order; of all runs where none succeeded.
        cpu_s: Median CPU seconds; None where never measured. The same for the fields below.
    """

    job_id: str
    path: str
    name: str
    index: int | None
    kind: StepKind
    runs: int
    failures: int
    durations_s: tuple[float, ...]
    cpu_s: float | None
    memory_peak_bytes: int | None
    io_write_bytes: int | None

    @property
    def duration_s(self) -> float:
        """Median wall time."""
        return median(self.durations_s)


@dataclass(frozen=True, slots=True)
class JobProfile:
    """One job over many runs.

    Attributes:
        overhead_s: Median wall time of the job outside its steps (start and end of the runner's work).
        queue_s: Median wait for a runner; None where never measured.
        longest_s: Wall time of the longest successful run; None where none succeeded.
    """

    job_id: str
    runs: int
    failures: int
    duration_s: float
    overhead_s: float
    queue_s: float | None
    steps: tuple[StepProfile, ...]
    longest_s: float | None = None


@dataclass(frozen=True, slots=True)
class PipelineProfile:
    """One pipeline over many runs; `jobs` in order of their first appearance."""

    pipeline: str
    runs: int
    makespan_s: float
    jobs: tuple[JobProfile, ...]

    def job(self, job_id: str) -> JobProfile | None:
        """The profile of a job, or None when no run had it."""
        return next((job for job in self.jobs if job.job_id == job_id), None)


def profile_pipeline(runs: Sequence[PipelineRun]) -> PipelineProfile:
    """Pool runs of one pipeline.

    Raises:
        ValueError: No run was given.
    """
    if not runs:
        raise ValueError("a profile needs at least one run")
    jobs: dict[str, list[JobRun]] = defaultdict(list)
    for run in runs:
        for job in run.jobs:
            if job.result is not Result.SKIP:
                jobs[job.job_id].append(job)
    return PipelineProfile(
        pipeline=runs[-1].pipeline,
        runs=len(runs),
        makespan_s=median(run.makespan_s for run in runs),
        jobs=tuple(_profile_job(job_id, job_runs) for job_id, job_runs in jobs.items()),
    )


def _profile_job(job_id: str, runs: list[JobRun]) -> JobProfile:
    steps: dict[str, list[StepRun]] = defaultdict(list)
    for run in runs:
        for step in run.steps:
            if step.result is not Result.SKIP:
                steps[pooled_path(step.path)].append(step)
    queues = [run.queue_s for run in runs if run.queue_s is not None]
    profiles = [_profile_step(job_id, path, step_runs) for path, step_runs in steps.items()]
    return JobProfile(
        job_id=job_id,
        runs=len(runs),
        failures=sum(run.result is not Result.SUCCESS for run in runs),
        duration_s=median(run.duration_s for run in runs),
        overhead_s=median(max(0.0, run.duration_s - _covered_s(run.steps)) for run in runs),
        queue_s=median(queues) if queues else None,
        steps=tuple(sorted(profiles, key=lambda step: (step.index is None, step.index or 0))),
        longest_s=max((run.duration_s for run in runs if run.result is Result.SUCCESS), default=None),
    )


def _profile_step(job_id: str, path: str, runs: list[StepRun]) -> StepProfile:
    successful = [run for run in runs if run.result is Result.SUCCESS]
    latest = runs[-1]
    return StepProfile(
        job_id=job_id,
        path=path,
        name=latest.name,
        index=latest.index,
        kind=latest.kind,
        runs=len(runs),
        failures=len(runs) - len(successful),
        durations_s=tuple(run.duration_s for run in successful or runs),
        cpu_s=_median(run.usage.cpu_s for run in successful or runs),
        memory_peak_bytes=_whole(_median(run.usage.memory_peak_bytes for run in runs)),
        io_write_bytes=_whole(_median(run.usage.io_write_bytes for run in successful or runs)),
    )


def _covered_s(steps: Sequence[StepRun]) -> float:
    """Seconds in which some step ran: steps inside a step, and steps side by side, do not count twice."""
    covered_ns = end_ns = 0
    for step in sorted(steps, key=lambda step: step.start_ns):
        covered_ns += max(0, step.end_ns - max(step.start_ns, end_ns))
        end_ns = max(end_ns, step.end_ns)
    return covered_ns / 1e9


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
