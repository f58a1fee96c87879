"""When a running pipeline will end, told from how earlier runs went on.

Every earlier run is a scenario: what has ended in the running one stays as it is, what is under way takes as long as
it did then (of the runs in which it took longer than it has taken already), and what has not begun follows through
that run's graph with its gaps and durations. The ends of all scenarios are the forecast: no law is assumed, and what
belongs together (a slow runner, a large change) stays together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from makespan_analytics.precedence import predecessors, topological_order
from makespan_model.records import JobRun, PipelineRun, Result, StepRun, pooled_path

FEWEST_RUNS = 5
"""Scenarios under which no interval is given: of five, the outer ones are the 17 % and 83 % points."""
_OVERDUE_RATIO = 0.1
"""A step that takes longer than it ever did is given a tenth of what it has taken: for durations without a scale
(Pareto with exponent 11) that is what is left on average, whatever has passed."""


@dataclass(frozen=True, slots=True)
class RemainingTime:
    """The forecast of one run.

    Attributes:
        end_ns: Median of the scenarios.
        early_ns: One in ten ends before.
        late_ns: One in ten ends after.
        scenarios: Earlier runs it is told from.
        overdue: Labels of jobs in which a step already takes longer than in any of them.
    """

    end_ns: int
    early_ns: int
    late_ns: int
    scenarios: int
    overdue: tuple[str, ...]


def remaining_time(running: PipelineRun, history: Sequence[PipelineRun], now_ns: int) -> RemainingTime | None:
    """Forecast the end of a run.

    Args:
        running: The run as far as it is known: jobs that have begun, steps that have ended.
        history: Earlier runs of the same pipeline; only successful ones that have ended count.
        now_ns: When it is asked.

    Returns:
        None where fewer than `FEWEST_RUNS` earlier runs have all the jobs that this one has begun.

    Raises:
        InputError: The recorded `needs` of an earlier run form a circle.
    """
    begun = {job.name: job for job in running.jobs}
    scenarios = [
        run
        for run in history
        if run.result is Result.SUCCESS and run.state is None and begun.keys() <= {job.name for job in run.jobs}
    ]
    if len(scenarios) < FEWEST_RUNS:
        return None
    longest_ns = _longest_ns(scenarios)
    told = [_told_by(run, begun, longest_ns, now_ns) for run in scenarios]
    ends_ns = [one.end_ns for one in told if not one.is_overtaken]
    if len(ends_ns) < FEWEST_RUNS:
        # Nearly every scenario is overtaken: what is left of them all tells more than the few longest alone.
        ends_ns = [one.end_ns for one in told]
    overdue = {name for one in told for name in one.overdue}
    deciles = quantiles(ends_ns, n=10, method="inclusive")
    return RemainingTime(round(deciles[4]), round(deciles[0]), round(deciles[8]), len(ends_ns), tuple(sorted(overdue)))


_Steps = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class _Told:
    """The end by one scenario; whether a step under way has already outlasted it; jobs that outlast them all."""

    end_ns: int
    is_overtaken: bool
    overdue: tuple[str, ...]


def _told_by(run: PipelineRun, begun: Mapping[str, JobRun], longest_ns: _Steps, now_ns: int) -> _Told:
    before = predecessors(run)
    jobs = {job.name: job for job in run.jobs}
    ends_ns: dict[str, int] = {}
    overdue: list[str] = []
    overtaken = False
    for name in topological_order(before):
        then, now = jobs[name], begun.get(name)
        if now is None:
            ready_then_ns = max((other.end_ns for other in before[name]), default=run.start_ns)
            ready_ns = max((ends_ns[other.name] for other in before[name]), default=now_ns)
            start_ns = max(ready_ns + max(0, then.start_ns - ready_then_ns), now_ns)
            ends_ns[name] = start_ns + (then.end_ns - then.start_ns)
        elif now.state is None:
            ends_ns[name] = now.end_ns
        else:
            left_ns, is_overtaken, is_overdue = _left_ns(then, now, longest_ns, now_ns)
            overtaken |= is_overtaken and not is_overdue
            overdue += [name] if is_overdue else []
            ends_ns[name] = now_ns + left_ns
    after_jobs_ns = max(0, run.end_ns - max(job.end_ns for job in jobs.values()))
    end_ns = max(ends_ns.values(), default=now_ns) + after_jobs_ns
    return _Told(max(end_ns, now_ns), overtaken, tuple(overdue))


def _left_ns(then: JobRun, now: JobRun, longest_ns: _Steps, now_ns: int) -> tuple[int, bool, bool]:
    """What is left of a job under way; whether its step has outlasted the one of then, and that of every run."""
    ended = {pooled_path(step.path) for step in now.steps}
    to_come = [step for step in _in_order(then) if pooled_path(step.path) not in ended]
    tail_ns = then.end_ns - max((step.end_ns for step in then.steps), default=then.start_ns)
    if not to_come:
        return max(0, tail_ns), False, False
    current = to_come[0]
    since_ns = max((step.end_ns for step in now.steps), default=now.start_ns)
    elapsed_ns = max(0, now_ns - since_ns)
    planned_ns = current.end_ns - current.start_ns
    rest_ns = max(0, then.end_ns - current.end_ns)
    is_overdue = elapsed_ns > longest_ns[now.name, pooled_path(current.path)]
    if is_overdue:
        return round(elapsed_ns * _OVERDUE_RATIO) + rest_ns, True, True
    return max(0, planned_ns - elapsed_ns) + rest_ns, elapsed_ns > planned_ns, False


def _longest_ns(runs: Sequence[PipelineRun]) -> _Steps:
    longest: dict[tuple[str, str], int] = {}
    for run in runs:
        for job in run.jobs:
            for step in job.steps:
                key = (job.name, pooled_path(step.path))
                longest[key] = max(longest.get(key, 0), step.end_ns - step.start_ns)
    return longest


def _in_order(job: JobRun) -> list[StepRun]:
    return sorted(job.steps, key=lambda step: (step.start_ns, step.end_ns))
