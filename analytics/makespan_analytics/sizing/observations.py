"""What each run of a step or a job used: one peak of memory, one curve of CPU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from makespan_analytics.sizing.cpu_demand import MOST_RUNS, Demand
from makespan_model.records import JobRun, PipelineRun, Result, Sample, StepRun, pooled_path

SamplesOf = Callable[[PipelineRun, JobRun, StepRun], Sequence[Sample]]
"""The readings of one step; empty where there are none."""

KILLED_EXIT_CODE = 137
"""128 + SIGKILL, what a shell and Docker make of an OOM kill."""
_OOM_GROWTH = 1.2
_OOM_GROWTH_BYTES = 100 * 1024 * 1024
"""What a killed run would have needed is not known, but more than it had: the Kubernetes VPA's rule for OOM events."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One run of a step or of a job.

    Attributes:
        run_id: Of the pipeline run.
        duration_s: Wall time.
        peak_bytes: Highest memory; None when not measured. Of a run killed for lack of memory: what it had, and more.
        demand: Cores over time; None when not measured, and for all but the newest runs.
        steps: The step runs it consists of.
    """

    run_id: str
    duration_s: float
    peak_bytes: float | None
    demand: Demand | None
    steps: tuple[StepRun, ...]


def step_observations(
    runs: Sequence[PipelineRun], samples_of: SamplesOf | None = None
) -> dict[tuple[str, str], list[Observation]]:
    """Runs of each step by job id and pooled path, oldest first; see `_counts` for those left out.

    Args:
        runs: Oldest first.
        samples_of: Where readings come from; without it CPU is the flat mean of its total.
    """
    found: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for run, curve_of in _with_curves(runs, samples_of):
        for job in run.jobs:
            for step in job.steps:
                if _counts(step):
                    peak, curve = _peak(step), curve_of(job, step)
                    demand = None if curve is None else Demand(curve.cores, np.diff(curve.edges_s), curve.sampled)
                    one = Observation(run.identity.run_id, step.duration_s, peak, demand, (step,))
                    found[job.job_id, pooled_path(step.path)].append(one)
    return dict(found)


def job_observations(runs: Sequence[PipelineRun], samples_of: SamplesOf | None = None) -> dict[str, list[Observation]]:
    """Runs of each job by its id, matrix legs pooled, oldest first.

    Steps one after another need the largest peak, steps side by side the sum. A step of `makespan run` inside another
    step (an agent's shell) is part of that one and not counted twice.
    """
    found: dict[str, list[Observation]] = defaultdict(list)
    for run, curve_of in _with_curves(runs, samples_of):
        for job in run.jobs:
            steps = _outermost([step for step in job.steps if _counts(step)])
            if steps:
                curves = [curve for step in steps if (curve := curve_of(job, step)) is not None]
                found[job.job_id].append(
                    Observation(
                        run.identity.run_id, job.duration_s, _combined_peak(steps), _combined_demand(curves), steps
                    )
                )
    return dict(found)


def _with_curves(
    runs: Sequence[PipelineRun], samples_of: SamplesOf | None
) -> Iterable[tuple[PipelineRun, Callable[[JobRun, StepRun], _Curve | None]]]:
    """Each run with what gives the curve of its steps: cores follow the newest runs, older ones need none."""
    for age, run in zip(range(len(runs) - 1, -1, -1), runs, strict=True):

        def curve_of(job: JobRun, step: StepRun, run: PipelineRun = run, age: int = age) -> _Curve | None:
            if age >= MOST_RUNS:
                return None
            return _curve(step, samples_of(run, job, step) if samples_of else ())

        yield run, curve_of


def was_killed_for_memory(step: StepRun) -> bool:
    """Whether the kernel says that a process of the step was killed for lack of memory."""
    return bool(step.usage.oom_kills)


def _counts(step: StepRun) -> bool:
    """Runs that were cut short tell too little of what they would have used, unless memory is what cut them."""
    return step.result is Result.SUCCESS or was_killed_for_memory(step)


def _peak(step: StepRun) -> float | None:
    peak = step.usage.memory_peak_bytes
    if peak is None or peak <= 0:
        return None
    if was_killed_for_memory(step):
        had = max(peak, step.usage.memory_limit_bytes or 0)
        return max(had * _OOM_GROWTH, had + _OOM_GROWTH_BYTES)
    return float(peak)


@dataclass(frozen=True, slots=True)
class _Curve:
    """Cores between edges, which are seconds since the epoch of the run's clock; one more edge than cores."""

    edges_s: np.ndarray[tuple[int], np.dtype[np.float64]]
    cores: np.ndarray[tuple[int], np.dtype[np.float64]]
    sampled: bool


def _curve(step: StepRun, samples: Sequence[Sample]) -> _Curve | None:
    total_s, offered = step.usage.cpu_s, step.usage.offered_cores
    inside = [sample for sample in samples if step.start_ns < sample.time_ns]
    if not inside or step.duration_s <= 0:
        if total_s is None or step.duration_s <= 0:
            return None
        edges = np.array([step.start_ns, step.end_ns]) / 1e9
        return _Curve(edges, np.array([total_s / step.duration_s]), sampled=False)
    edges = np.array([step.start_ns, *(sample.time_ns for sample in inside)]) / 1e9
    cores = np.array([max(0.0, sample.cpu_cores) for sample in inside])
    seen_s = float(cores @ np.diff(edges))
    if total_s is not None and 0 < seen_s < total_s:
        # Processes that live between two readings are in the exact total and in no sample.
        cores = cores * (total_s / seen_s)
        cores = cores if offered is None else np.minimum(cores, offered)
    return _Curve(edges, cores, sampled=True)


def _outermost(steps: Sequence[StepRun]) -> tuple[StepRun, ...]:
    def is_inside_another(step: StepRun) -> bool:
        return pooled_path(step.path) != step.path and any(
            other is not step and other.start_ns <= step.start_ns and step.end_ns <= other.end_ns for other in steps
        )

    return tuple(step for step in steps if not is_inside_another(step))


def _combined_peak(steps: Sequence[StepRun]) -> float | None:
    """The largest sum of peaks of steps that ran at one time: no less than what they needed together."""
    known = [(step, peak) for step in steps if (peak := _peak(step)) is not None]
    if not known:
        return None
    return max(
        sum(peak for other, peak in known if other.start_ns <= step.start_ns < max(other.end_ns, other.start_ns + 1))
        for step, _ in known
    )


def _combined_demand(curves: Sequence[_Curve]) -> Demand | None:
    if not curves:
        return None
    edges = np.unique(np.concatenate([curve.edges_s for curve in curves]))
    total, is_covered = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1, dtype=bool)
    for curve in curves:
        place = np.searchsorted(curve.edges_s, edges[:-1], "right") - 1
        inside = (place >= 0) & (place < len(curve.cores))
        total[inside] += curve.cores[place[inside]]
        is_covered |= inside
    seconds = np.diff(edges)
    # Between two steps the runner is at work for nobody: no demand of the job's.
    return Demand(total[is_covered], seconds[is_covered], sampled=all(curve.sampled for curve in curves))
