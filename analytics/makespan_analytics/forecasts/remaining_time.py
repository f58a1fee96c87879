"""When a running pipeline will end, told from how earlier runs went on.

Every earlier run is a scenario: what has ended in the running one stays as it is, what is under way takes as long as
it did then (where it has taken longer already, as in one of the runs in which it took longer), and what has not begun
follows through that run's graph with its gaps and durations. The ends of all scenarios are the forecast: no law is
assumed, and what belongs together (a slow runner, a large change) stays together.
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
    left_ns, overdue = _left_ns(scenarios, begun, now_ns)
    ends_ns = [
        _end_ns(run, begun, {name: lefts[place] for name, lefts in left_ns.items()}, running.start_ns, now_ns)
        for place, run in enumerate(scenarios)
    ]
    # Ranks over one more than there are scenarios: the run is one more of them.
    deciles = [max(now_ns, round(end_ns)) for end_ns in quantiles(ends_ns, n=10, method="exclusive")]
    return RemainingTime(deciles[4], deciles[0], deciles[8], len(ends_ns), overdue)


def _end_ns(
    run: PipelineRun, begun: Mapping[str, JobRun], left_ns: Mapping[str, int], start_ns: int, now_ns: int
) -> int:
    """The end as one scenario tells it: what has not begun follows through its graph."""
    before = predecessors(run)
    jobs = {job.name: job for job in run.jobs}
    ends_ns: dict[str, int] = {}
    for name in topological_order(before):
        then, now = jobs[name], begun.get(name)
        if now is None:
            ready_then_ns = max((other.end_ns for other in before[name]), default=run.start_ns)
            ready_ns = max((ends_ns[other.name] for other in before[name]), default=start_ns)
            begins_ns = max(ready_ns + max(0, then.start_ns - ready_then_ns), now_ns)
            ends_ns[name] = begins_ns + (then.end_ns - then.start_ns)
        else:
            ends_ns[name] = now.end_ns if now.state is None else now_ns + left_ns[name]
    after_jobs_ns = max(0, run.end_ns - max(job.end_ns for job in jobs.values()))
    return max(max(ends_ns.values(), default=now_ns) + after_jobs_ns, now_ns)


def _left_ns(
    scenarios: Sequence[PipelineRun], begun: Mapping[str, JobRun], now_ns: int
) -> tuple[dict[str, list[int]], tuple[str, ...]]:
    """What is left of each job under way by each scenario; and jobs in which a step takes longer than in any.

    Where a scenario's step was over by now, those that took longer stand in, spread evenly: the other jobs of the
    scenario still tell something. With many jobs side by side, hardly any scenario is slower in all of them.
    """
    then_jobs = [{job.name: job for job in run.jobs} for run in scenarios]
    found: dict[str, list[int]] = {}
    overdue: list[str] = []
    for name, now in begun.items():
        if now.state is None:
            continue
        elapsed_ns = max(0, now_ns - max((step.end_ns for step in now.steps), default=now.start_ns))
        stretches = [_stretch(jobs[name], now) for jobs in then_jobs]
        longer = sorted(
            planned_ns - elapsed_ns + rest_ns for planned_ns, rest_ns in stretches if planned_ns > elapsed_ns
        )
        if not longer:
            overdue.append(name)
            found[name] = [round(elapsed_ns * _OVERDUE_RATIO) + rest_ns for _, rest_ns in stretches]
            continue
        overtaken = sum(planned_ns <= elapsed_ns for planned_ns, _ in stretches)
        stand_ins = iter([longer[(2 * place + 1) * len(longer) // (2 * overtaken)] for place in range(overtaken)])
        found[name] = [
            planned_ns - elapsed_ns + rest_ns if planned_ns > elapsed_ns else next(stand_ins)
            for planned_ns, rest_ns in stretches
        ]
    return found, tuple(sorted(overdue))


def _stretch(then: JobRun, now: JobRun) -> tuple[int, int]:
    """What the step that is under way took then, and what of the job came after it.

    After the last step comes the job's own end; of a job whose steps nobody recorded, that is all of it.
    """
    ended = {pooled_path(step.path) for step in now.steps}
    current = next((step for step in _in_order(then) if pooled_path(step.path) not in ended), None)
    if current is None:
        return max(0, then.end_ns - max((step.end_ns for step in then.steps), default=then.start_ns)), 0
    return current.end_ns - current.start_ns, max(0, then.end_ns - current.end_ns)


def _in_order(job: JobRun) -> list[StepRun]:
    return sorted(job.steps, key=lambda step: (step.start_ns, step.end_ns))
