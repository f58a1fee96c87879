"""What is known beyond the workflow file: measured history and the repository's files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from makespan_analytics.profiles import JobProfile, PipelineProfile, StepProfile
from makespan_optimizer.prediction.cache_speed import HOSTED, CacheSpeed
from makespan_optimizer.prediction.estimates import StepEstimate
from makespan_optimizer.workflow.model import Job, Step, Workflow

ReadFile = Callable[[str], str | None]
"""Text of a file of the repository by its path from the root; None when absent or unreadable."""


def no_files(_path: str) -> str | None:
    """The reader for a workflow without its repository."""
    return None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What passes may rely on.

    Attributes:
        profile: Measured history of the pipeline; None without one.
        files: Reads the repository.
        measured: Profiles of a step by job id and content key, in order of occurrence.
        estimates: What applied rewrites expect of steps no run has measured.
        cache_speed: Of the dependency cache where the pipeline runs.
    """

    profile: PipelineProfile | None = None
    files: ReadFile = no_files
    measured: Mapping[tuple[str, str], tuple[StepProfile, ...]] = field(default_factory=dict, repr=False)
    estimates: tuple[StepEstimate, ...] = ()
    cache_speed: CacheSpeed = HOSTED

    def step(self, job_id: str, step: Step, occurrence: int = 0) -> StepProfile | None:
        """The profile of the n-th occurrence of a step's content in a job; for a moved step, that of the job it had."""
        key = step.content_key
        found = self.measured.get((job_id, key)) or next(
            (each for (_, k), each in self.measured.items() if k == key), ()
        )
        return found[occurrence] if occurrence < len(found) else None

    def duration_s(self, job_id: str, step: Step, *, warm: bool) -> float | None:
        """Expected wall time of a step with a filled (`warm`) or an empty cache; None when unknown."""
        for estimate in self.estimates:
            if (estimate.job_id, estimate.content_key) == (job_id, step.content_key):
                return estimate.warm_s if warm else estimate.cold_s
        profile = self.step(job_id, step)
        return None if profile is None else profile.duration_s

    def with_estimates(self, estimates: tuple[StepEstimate, ...]) -> Evidence:
        """The same with other estimates."""
        return replace(self, estimates=estimates)


def evidence_for(
    workflow: Workflow,
    profile: PipelineProfile | None,
    files: ReadFile = no_files,
    cache_speed: CacheSpeed = HOSTED,
) -> Evidence:
    """Join the measured history to the steps of the workflow it was measured on."""
    measured: dict[tuple[str, str], list[StepProfile]] = defaultdict(list)
    for job in workflow.jobs:
        history = None if profile is None else profile.job(job.job_id)
        if history is not None:
            for step, found in zip(job.steps, match_steps(job, history), strict=True):
                if found is not None:
                    measured[job.job_id, step.content_key].append(found)
    found_in_job = {key: tuple(found) for key, found in measured.items()}
    return Evidence(profile, files, found_in_job, cache_speed=cache_speed)


def match_steps(job: Job, history: JobProfile) -> list[StepProfile | None]:
    """The profile of each step of a job: by position where names agree, else by name in order of occurrence."""
    by_index = {found.index: found for found in history.steps if found.index is not None}
    matched: list[StepProfile | None] = []
    for step in job.steps:
        found = by_index.get(step.index)
        matched.append(found if found is not None and _same_name(step, found) else None)
    taken = {id(found) for found in matched if found is not None}
    for position, step in enumerate(job.steps):
        if matched[position] is None:
            for found in history.steps:
                if id(found) not in taken and _same_name(step, found):
                    matched[position] = found
                    taken.add(id(found))
                    break
    return matched


def _same_name(step: Step, found: StepProfile) -> bool:
    """Agents and providers differ in whether a nameless step is called `Run x` or `x`."""
    return _bare(found.name) in (_bare(step.display_name), _bare(step.name or ""), step.step_id)


def _bare(name: str) -> str:
    return name.strip().removeprefix("Run ").strip()
