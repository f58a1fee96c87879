"""Durations of jobs that no run has run as they are, put together from recorded steps that do the same work.

A step is found by its content, as `prediction.step_costs` does; but here every recorded run gives a duration of its
own, so that what varies together in a run goes on doing so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from makespan_analytics.profiles import profile_pipeline
from makespan_model.records import JobRun, PipelineRun, Result, StepRun, pooled_path
from makespan_optimizer.passes.evidence import match_steps
from makespan_optimizer.simulation.shape import JobShape, PipelineShape
from makespan_optimizer.workflow.model import Job, Step, Workflow

_POST = "Post "
_FAILED = (Result.FAILURE, Result.ERROR, Result.TIMEOUT)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a step was measured."""

    job_id: str
    path: str


@dataclass(frozen=True, slots=True)
class _Part:
    """One step of a job to be put together; `post` is the name of what its action does at the end of the job."""

    source: _Source
    post: str | None


class StepComposition:
    """The jobs of a workflow that differ from those that were measured.

    Args:
        workflow: Whose jobs are wanted.
        measured: The workflow that ran.
        runs: Its runs, one or more.
    """

    def __init__(self, workflow: Workflow, measured: Workflow, runs: Sequence[PipelineRun]) -> None:
        sources = _sources(measured, runs)
        self._parts: dict[str, tuple[_Part, ...]] = {}
        self._left_out: dict[str, tuple[str, ...]] = {}
        for job in workflow.jobs:
            before = measured.job(job.job_id)
            if job.uses is not None or (before is not None and _content(before) == _content(job)):
                continue
            parts, left_out = _parts(job, sources)
            # Steps side by side do not add up.
            is_plain = not any(step.control is not None or step.background for step in job.steps)
            self._parts[job.job_id] = parts if is_plain else ()
            self._left_out[job.job_id] = left_out if parts and is_plain else ()

    def covers(self, job_id: str) -> bool:
        """Whether the durations of a job come from here, and not from the job as it was recorded."""
        return job_id in self._parts

    def left_out(self, shape: PipelineShape) -> tuple[tuple[str, ...], ...]:
        """For every job the names of steps that nobody measured."""
        return tuple(self._left_out.get(job.job_id, ()) for job in shape.jobs)

    def duration(self, run: PipelineRun, job: JobShape) -> tuple[float, bool] | None:
        """Seconds the job would have taken in a recorded run, and whether it would have failed.

        None where the run does not tell: a step was cancelled or is not there.
        """
        parts = self._parts[job.job_id]
        if not parts:
            return None
        legs = _legs(run, job)
        overhead_s = _overhead_s(legs, job.job_id, {part.source.job_id for part in parts})
        if overhead_s is None:
            return None
        posts_s: dict[tuple[str, str], float] = {}
        total_s = overhead_s
        for part in parts:
            leg = legs.get(part.source.job_id)
            step = None if leg is None else _step(leg, part.source.path)
            if leg is None or step is None or step.result is Result.CANCELLATION:
                return None
            if step.result is Result.SKIP:
                if any(other.result in _FAILED for other in leg.steps):
                    return None  # It was skipped because the job had failed; how long it takes is not told.
                continue
            total_s += step.duration_s
            if part.post is not None:
                found = [other.duration_s for other in leg.steps if other.name == part.post]
                posts_s[part.source.job_id, part.post] = sum(found)
            if step.result in _FAILED:
                return total_s + sum(posts_s.values()), True
        return total_s + sum(posts_s.values()), False


def _content(job: Job) -> tuple[tuple[str, str | None, str | None], ...]:
    return tuple((step.content_key, step.condition, step.continue_on_error) for step in job.steps)


def _sources(measured: Workflow, runs: Sequence[PipelineRun]) -> Mapping[str, tuple[_Source, ...]]:
    """Where steps of each content were measured; those of one job in their order."""
    profile = profile_pipeline(runs)
    found: dict[str, list[_Source]] = defaultdict(list)
    for job in measured.jobs:
        history = profile.job(job.job_id)
        if history is None:
            continue
        for step, matched in zip(job.steps, match_steps(job, history), strict=True):
            if matched is not None:
                found[step.content_key].append(_Source(job.job_id, matched.path))
    return {key: tuple(sources) for key, sources in found.items()}


def _parts(job: Job, sources: Mapping[str, tuple[_Source, ...]]) -> tuple[tuple[_Part, ...], tuple[str, ...]]:
    parts: list[_Part] = []
    left_out: list[str] = []
    seen: dict[str, int] = defaultdict(int)
    for step in job.steps:
        key = step.content_key
        found = sources.get(key, ())
        # The n-th repetition of equal work costs what the n-th did, rather in the same job.
        own = tuple(source for source in found if source.job_id == job.job_id) or found
        if own:
            parts.append(_Part(own[min(seen[key], len(own) - 1)], _post(step)))
        else:
            left_out.append(step.display_name)
        seen[key] += 1
    return tuple(parts), tuple(left_out)


def _post(step: Step) -> str | None:
    return _POST + step.display_name if step.uses is not None else None


def _legs(run: PipelineRun, job: JobShape) -> dict[str, JobRun]:
    """A leg of every job of the run: the one of the same name where there is one, else the first by name."""
    found: dict[str, JobRun] = {}
    for one in sorted(run.jobs, key=lambda one: (one.name not in (job.name, *job.aliases), one.name)):
        if one.result is not Result.SKIP:
            found.setdefault(one.job_id, one)
    return found


def _overhead_s(legs: Mapping[str, JobRun], job_id: str, sources: set[str]) -> float | None:
    """Time of a job outside its steps: its own, else the mean of those its steps come from."""
    chosen = [legs[job_id]] if job_id in legs else [leg for source, leg in legs.items() if source in sources]
    if not chosen:
        return None
    return fmean(max(0.0, leg.duration_s - sum(step.duration_s for step in leg.steps)) for leg in chosen)


def _step(leg: JobRun, path: str) -> StepRun | None:
    return next((step for step in leg.steps if pooled_path(step.path) == path), None)
