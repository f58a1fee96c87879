"""One measured run as a graph of tasks whose times follow from each other, so that it can be run again with changes.

A job starts some time after the last job it waited for; a step starts some time after the last step that had ended
before it (or after its job's start), which holds for steps one after another as well as side by side; a job ends
some time after its last step. Those gaps are measured and kept, so that a replay without a change ends at exactly
the measured instant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from makespan_analytics.critical_path import SegmentKind
from makespan_analytics.precedence import predecessors, topological_order
from makespan_model.records import JobRun, PipelineRun, StepRun, pooled_path

JOB_START = -1
"""In place of a step's number: it waited for nothing but the start of its job."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What could get faster: a step, the overhead of a job, or the queueing before it; matrix legs are pooled.

    Attributes:
        step_path: The pooled path, for a step.
    """

    kind: SegmentKind
    job_id: str
    step_path: str | None = None


@dataclass(frozen=True, slots=True)
class JobShape:
    """What is the same of a job in all runs of one shape.

    Attributes:
        after: Numbers of the jobs it waited for, all of them earlier in the graph.
        step_paths: Pooled paths of its steps in order of their start.
        step_after: For every step the number of the step it followed, or `JOB_START`.
    """

    job_id: str
    after: tuple[int, ...]
    step_paths: tuple[str, ...]
    step_after: tuple[int, ...]


Shape = tuple[JobShape, ...]


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """A run taken apart.

    Attributes:
        shape: Its jobs in an order in which each comes after those it waited for.
        times_ns: For every job, in that order: the wait and the queueing before its start, then for every step the
            gap before it and its duration, then the gap after the last one; at the end the gap after the last job.
            Clocks of several machines may make a gap negative.
        cpu_s: CPU seconds of every step, in the same order; 0 where they were not measured.
        makespan_ns: As measured.
    """

    run_id: str
    shape: Shape
    times_ns: tuple[int, ...]
    cpu_s: tuple[float, ...]
    makespan_ns: int


def task_graph(run: PipelineRun) -> TaskGraph | None:
    """Take a run apart; None where no job ran.

    Raises:
        InputError: The recorded `needs` form a circle.
    """
    before = predecessors(run)
    if not before:
        return None
    jobs = {job.name: job for job in run.jobs if job.name in before}
    order = topological_order(before)
    numbers = {name: number for number, name in enumerate(order)}
    shapes: list[JobShape] = []
    times_ns: list[int] = []
    cpu_s: list[float] = []
    for name in order:
        job = jobs[name]
        steps = sorted(job.steps, key=lambda step: (step.start_ns, step.end_ns, step.path))
        step_after = _followed(steps)
        ready_ns = max((other.end_ns for other in before[name]), default=run.start_ns)
        times_ns += [*_before_start_ns(job, ready_ns), *_inside_ns(job, steps, step_after)]
        cpu_s += [step.usage.cpu_s or 0.0 for step in steps]
        paths = tuple(pooled_path(step.path) for step in steps)
        after = tuple(sorted(numbers[other.name] for other in before[name]))
        shapes.append(JobShape(job.job_id, after, paths, step_after))
    times_ns.append(run.end_ns - max(job.end_ns for job in jobs.values()))
    return TaskGraph(run.identity.run_id, tuple(shapes), tuple(times_ns), tuple(cpu_s), run.end_ns - run.start_ns)


def subjects(shape: Shape) -> dict[Subject, list[int]]:
    """Everything in runs of this shape that could get faster, with the places of its times in `TaskGraph.times_ns`."""
    found: dict[Subject, list[int]] = {}
    place = 0
    for job in shape:
        found.setdefault(Subject(SegmentKind.QUEUE, job.job_id), []).append(place + 1)
        place += 2
        overhead = found.setdefault(Subject(SegmentKind.OVERHEAD, job.job_id), [])
        for path in job.step_paths:
            overhead.append(place)
            found.setdefault(Subject(SegmentKind.STEP, job.job_id, path), []).append(place + 1)
            place += 2
        overhead.append(place)
        place += 1
    return found


def step_names(runs: Sequence[PipelineRun]) -> Mapping[Subject, str]:
    """What a person reads for each step: its name in the newest run that has it."""
    return {
        Subject(SegmentKind.STEP, job.job_id, pooled_path(step.path)): step.name
        for run in runs
        for job in run.jobs
        for step in job.steps
    }


def _followed(steps: Sequence[StepRun]) -> tuple[int, ...]:
    """For every step the one before it: of those that had ended by its start, the one that ended last."""
    followed: list[int] = []
    for number, step in enumerate(steps):
        ended = [other for other in range(number) if steps[other].end_ns <= step.start_ns]
        followed.append(max(ended, key=lambda other: (steps[other].end_ns, other), default=JOB_START))
    return tuple(followed)


def _before_start_ns(job: JobRun, ready_ns: int) -> tuple[int, int]:
    """The gap before a job: what nothing on record explains, and what it queued."""
    gap_ns = job.start_ns - ready_ns
    if job.queued_ns is not None:
        queue_ns = min(max(job.start_ns - job.queued_ns, 0), max(gap_ns, 0))
    else:
        queue_ns = 0 if job.needs is None else max(gap_ns, 0)
    return gap_ns - queue_ns, queue_ns


def _inside_ns(job: JobRun, steps: Sequence[StepRun], step_after: Sequence[int]) -> list[int]:
    times_ns: list[int] = []
    for step, after in zip(steps, step_after, strict=True):
        from_ns = job.start_ns if after == JOB_START else steps[after].end_ns
        times_ns += [step.start_ns - from_ns, step.end_ns - step.start_ns]
    last_ns = max((step.end_ns for step in steps), default=job.start_ns)
    return [*times_ns, job.end_ns - max(last_ns, job.start_ns)]
