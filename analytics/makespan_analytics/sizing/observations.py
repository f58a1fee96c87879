"""What each run of a step or a job used: one peak of memory, one curve of CPU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from makespan_analytics.sizing.cpu_demand import MOST_RUNS, Demand
from makespan_analytics.sizing.level_changes import Floats
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


@dataclass(frozen=True, slots=True)
class Observations:
    """Every run of every step and job, oldest first.

    Runs that were cut short are left out: they tell too little of what they would have used, unless memory is what
    cut them.

    Attributes:
        of_steps: By job id and pooled path.
        of_jobs: By job id, matrix legs pooled.
    """

    of_steps: dict[tuple[str, str], list[Observation]]
    of_jobs: dict[str, list[Observation]]


def observations(runs: Sequence[PipelineRun], samples_of: SamplesOf | None = None) -> Observations:
    """What the steps and jobs of a pipeline used.

    Of a job, steps one after another need the largest peak, steps side by side the sum. A step of `makespan run` inside
    another step (an agent's shell) is part of that one and not counted twice.

    Args:
        runs: Oldest first.
        samples_of: Where readings come from; without it CPU is the flat mean of its total.
    """
    of_steps: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    of_jobs: dict[str, list[Observation]] = defaultdict(list)
    paths: dict[str, str] = {}
    # Cores follow the newest runs, older ones need no curve.
    for age, run in zip(range(len(runs) - 1, -1, -1), runs, strict=True):
        for job in run.jobs:
            seen: list[_Seen] = []
            for step in job.steps:
                if step.result is not Result.SUCCESS and not was_killed_for_memory(step):
                    continue
                path = paths.get(step.path)
                if path is None:
                    path = paths[step.path] = pooled_path(step.path)
                curve = None
                if age < MOST_RUNS:
                    curve = _curve(step, samples_of(run, job, step) if samples_of else ())
                one = _Seen(step, path, _peak(step), curve)
                seen.append(one)
                demand = None if curve is None else Demand(curve.cores, _differences(curve.edges_s), curve.sampled)
                of_steps[job.job_id, path].append(
                    Observation(run.identity.run_id, step.duration_s, one.peak, demand, (step,))
                )
            if seen:
                of_jobs[job.job_id].append(_of_job(run, job, seen))
    return Observations(dict(of_steps), dict(of_jobs))


def _of_job(run: PipelineRun, job: JobRun, seen: list[_Seen]) -> Observation:
    outermost = _outermost(seen)
    curves = [one.curve for one in outermost if one.curve is not None]
    return Observation(
        run.identity.run_id,
        job.duration_s,
        _combined_peak(outermost),
        _combined_demand(curves),
        tuple([one.step for one in outermost]),
    )


def was_killed_for_memory(step: StepRun) -> bool:
    """Whether the kernel says that a process of the step was killed for lack of memory."""
    return bool(step.usage.oom_kills)


def _peak(step: StepRun) -> float | None:
    usage = step.usage
    peak = usage.memory_peak_bytes
    if peak is None or peak <= 0:
        return None
    if usage.oom_kills:
        had = max(peak, usage.memory_limit_bytes or 0)
        return max(had * _OOM_GROWTH, had + _OOM_GROWTH_BYTES)
    return float(peak)


@dataclass(frozen=True, slots=True)
class _Curve:
    """Cores between edges, which are seconds since the epoch of the run's clock; one more edge than cores."""

    edges_s: Floats
    cores: Floats
    sampled: bool


@dataclass(slots=True)  # Not frozen: that makes a thousand of them three times as dear.
class _Seen:
    """A step run that counts, its pooled path, and what it used."""

    step: StepRun
    path: str
    peak: float | None
    curve: _Curve | None


def _curve(step: StepRun, samples: Sequence[Sample]) -> _Curve | None:
    total_s, duration_s = step.usage.cpu_s, step.duration_s
    inside = [sample for sample in samples if step.start_ns < sample.time_ns]
    if not inside or duration_s <= 0:
        if total_s is None or duration_s <= 0:
            return None
        edges = np.array([step.start_ns / 1e9, step.end_ns / 1e9])
        return _Curve(edges, np.array([total_s / duration_s]), sampled=False)
    offered = step.usage.offered_cores
    edges = np.array([step.start_ns, *(sample.time_ns for sample in inside)]) / 1e9
    cores = np.array([max(0.0, sample.cpu_cores) for sample in inside])
    seen_s = float(cores @ np.diff(edges))
    if total_s is not None and 0 < seen_s < total_s:
        # Processes that live between two readings are in the exact total and in no sample.
        cores = cores * (total_s / seen_s)
        cores = cores if offered is None else np.minimum(cores, offered)
    return _Curve(edges, cores, sampled=True)


def _differences(edges_s: Floats) -> Floats:
    lengths_s: Floats = edges_s[1:] - edges_s[:-1]
    return lengths_s


def _outermost(seen: list[_Seen]) -> list[_Seen]:
    def is_inside_another(one: _Seen) -> bool:
        return one.path != one.step.path and any(
            other is not one and other.step.start_ns <= one.step.start_ns and one.step.end_ns <= other.step.end_ns
            for other in seen
        )

    if all(one.path == one.step.path for one in seen):
        return seen
    return [one for one in seen if not is_inside_another(one)]


def _combined_peak(seen: Sequence[_Seen]) -> float | None:
    """The largest sum of peaks of steps that ran at one time: no less than what they needed together."""
    largest = None
    last_ns = 0
    for one in seen:
        step = one.step
        if one.peak is not None:
            if step.start_ns < last_ns:
                return _overlapping_peak(seen)
            last_ns = max(step.end_ns, step.start_ns + 1)
            largest = one.peak if largest is None or one.peak > largest else largest
    return largest


def _overlapping_peak(seen: Sequence[_Seen]) -> float:
    known = [
        (one.step.start_ns, max(one.step.end_ns, one.step.start_ns + 1), one.peak)
        for one in seen
        if one.peak is not None
    ]
    return max(
        sum(peak for other_start_ns, end_ns, peak in known if other_start_ns <= start_ns < end_ns)
        for start_ns, _, _ in known
    )


def _combined_demand(curves: Sequence[_Curve]) -> Demand | None:
    if not curves:
        return None
    if _follow_each_other(curves):
        return Demand(
            np.concatenate([curve.cores for curve in curves]),
            np.concatenate([_differences(curve.edges_s) for curve in curves]),
            sampled=all(curve.sampled for curve in curves),
        )
    edges = np.unique(np.concatenate([curve.edges_s for curve in curves]))
    total, is_covered = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1, dtype=bool)
    for curve in curves:
        place = np.searchsorted(curve.edges_s, edges[:-1], "right") - 1
        inside = (place >= 0) & (place < len(curve.cores))
        total[inside] += curve.cores[place[inside]]
        is_covered |= inside
    seconds = _differences(edges)
    # Between two steps the runner is at work for nobody: no demand of the job's.
    return Demand(total[is_covered], seconds[is_covered], sampled=all(curve.sampled for curve in curves))


def _follow_each_other(curves: Sequence[_Curve]) -> bool:
    """Whether each begins after the one before it, as steps one after another do, and has lengths that are told."""
    if any(before.edges_s[-1] > after.edges_s[0] for before, after in pairwise(curves)):
        return False
    return all(bool((curve.edges_s[1:] > curve.edges_s[:-1]).all()) for curve in curves)
