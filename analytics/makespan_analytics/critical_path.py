"""Where the makespan of one run went, from measured times.

The path is walked backwards from the end of the run: the job that ended last, inside it the steps that
filled its time, before it the job it had waited for longest, and so on to the start of the run. Unlike the
planned critical path of `slack`, which knows durations only, this one also shows the waiting between jobs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from makespan_analytics.precedence import executed_jobs, predecessors
from makespan_model.records import JobRun, PipelineRun

_NS_PER_S = 1_000_000_000


class SegmentKind(StrEnum):
    """What a stretch of the path was spent on."""

    STEP = "step"
    """A step ran."""
    OVERHEAD = "overhead"
    """A job had its runner, and none of its steps ran: set-up, tear-down, gaps between steps."""
    QUEUE = "queue"
    """A job could have started and had no runner."""
    WAIT = "wait"
    """Nothing on record explains it: before the first job, after the last, or no graph was recorded."""


@dataclass(frozen=True, slots=True)
class PathSegment:
    """One stretch of the critical path.

    Attributes:
        start_ns: Offset from the start of the run.
        job: The job's label; None for a wait after the last job.
        step_path: The step's path within the job, for `STEP`.
        step: The step's name, for `STEP`.
    """

    kind: SegmentKind
    start_ns: int
    duration_ns: int
    job: str | None = None
    job_id: str | None = None
    step_path: str | None = None
    step: str | None = None

    @property
    def start_s(self) -> float:
        """Offset from the start of the run."""
        return self.start_ns / _NS_PER_S

    @property
    def duration_s(self) -> float:
        """Length."""
        return self.duration_ns / _NS_PER_S

    @property
    def is_execution(self) -> bool:
        """Whether a runner was at work, as opposed to the run waiting for one."""
        return self.kind in (SegmentKind.STEP, SegmentKind.OVERHEAD)


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The segments in time order; they tile the run from its start to its end without gap or overlap."""

    run_id: str
    pipeline: str
    makespan_s: float
    segments: tuple[PathSegment, ...]

    def seconds(self, *kinds: SegmentKind) -> float:
        """Time spent in segments of these kinds."""
        return sum(segment.duration_ns for segment in self.segments if segment.kind in kinds) / _NS_PER_S


def critical_path(run: PipelineRun) -> CriticalPath:
    """Walk back from the end of a run through the jobs and steps that held it up.

    Measured times may disagree (clocks of several machines): a job counts from where the walk meets it.
    """
    before = predecessors(run)
    segments: list[PathSegment] = []
    cursor_ns = run.end_ns
    job = max(executed_jobs(run), key=lambda job: (job.end_ns, job.name), default=None)
    if job is None:
        return _path(run, [_segment(run, SegmentKind.WAIT, run.start_ns, cursor_ns)])
    if job.end_ns < cursor_ns:
        segments.append(_segment(run, SegmentKind.WAIT, max(job.end_ns, run.start_ns), cursor_ns))
        cursor_ns = max(job.end_ns, run.start_ns)
    visited: set[str] = set()
    while job is not None:
        visited.add(job.name)
        start_ns = min(max(job.start_ns, run.start_ns), cursor_ns)
        segments += _execution(run, job, start_ns, cursor_ns)
        candidates = [other for other in before[job.name] if other.name not in visited]
        previous = max(candidates, key=lambda other: (other.end_ns, other.name), default=None)
        cursor_ns = run.start_ns if previous is None else min(max(previous.end_ns, run.start_ns), start_ns)
        segments += _waiting(run, job, cursor_ns, start_ns)
        job = previous
    return _path(run, segments)


def _execution(run: PipelineRun, job: JobRun, start_ns: int, end_ns: int) -> Iterable[PathSegment]:
    """The segments of a job between two instants, latest first; where steps overlap, the one that ended last."""
    cursor_ns = end_ns
    while cursor_ns > start_ns:
        running = [
            step for step in job.steps if step.start_ns < cursor_ns and step.end_ns > max(start_ns, step.start_ns)
        ]
        step = max(running, key=lambda step: (min(step.end_ns, cursor_ns), -step.start_ns, step.path), default=None)
        step_end_ns = start_ns if step is None else min(step.end_ns, cursor_ns)
        if step_end_ns < cursor_ns:
            yield _segment(run, SegmentKind.OVERHEAD, step_end_ns, cursor_ns, job)
        cursor_ns = step_end_ns
        if step is not None:
            step_start_ns = max(step.start_ns, start_ns)
            yield _segment(run, SegmentKind.STEP, step_start_ns, cursor_ns, job, step.path, step.name)
            cursor_ns = step_start_ns


def _waiting(run: PipelineRun, job: JobRun, start_ns: int, end_ns: int) -> Iterable[PathSegment]:
    """The segments before a job, latest first: from when it could have started it queued."""
    if job.queued_ns is not None:
        ready_ns = min(max(job.queued_ns, start_ns), end_ns)
    else:
        ready_ns = end_ns if job.needs is None else start_ns
    if ready_ns < end_ns:
        yield _segment(run, SegmentKind.QUEUE, ready_ns, end_ns, job)
    if start_ns < ready_ns:
        yield _segment(run, SegmentKind.WAIT, start_ns, ready_ns, job)


def _segment(
    run: PipelineRun,
    kind: SegmentKind,
    start_ns: int,
    end_ns: int,
    job: JobRun | None = None,
    step_path: str | None = None,
    step: str | None = None,
) -> PathSegment:
    return PathSegment(
        kind=kind,
        start_ns=start_ns - run.start_ns,
        duration_ns=end_ns - start_ns,
        job=job.name if job else None,
        job_id=job.job_id if job else None,
        step_path=step_path,
        step=step,
    )


def _path(run: PipelineRun, backwards: list[PathSegment]) -> CriticalPath:
    segments = tuple(segment for segment in reversed(backwards) if segment.duration_ns > 0)
    return CriticalPath(run.identity.run_id, run.pipeline, run.makespan_s, segments)
