"""The cost of each step of a rewritten workflow: measured where its work was measured, else as a pass estimates it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Literal

from makespan_analytics.profiles import JobProfile, PipelineProfile, StepProfile
from makespan_optimizer.passes.evidence import match_steps
from makespan_optimizer.prediction.estimates import StepEstimate
from makespan_optimizer.workflow.model import Job, Workflow

CacheState = Literal["cold", "warm"]

_POST = "Post "


@dataclass(frozen=True, slots=True)
class StepCost:
    """Wall time of a step that has the machine to itself, and the CPU seconds it uses in it."""

    wall_s: float
    cpu_s: float

    def __post_init__(self) -> None:
        if self.wall_s < 0 or self.cpu_s < 0:
            raise ValueError(f"negative cost of a step: {self}")


@dataclass(frozen=True, slots=True)
class JobCost:
    """A job as the replay sees it.

    Attributes:
        legs: How many instances run (matrix legs); 0 for a job that no measured run ran.
        overhead_s: Wall time of a leg outside its steps.
        unmeasured: Display names of steps nobody measured or estimated; they cost nothing here.
    """

    job_id: str
    needs: tuple[str, ...]
    legs: int
    overhead_s: float
    steps: tuple[StepCost, ...]
    unmeasured: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.legs < 0 or self.overhead_s < 0:
            raise ValueError(f"negative cost of job {self.job_id!r}: {self}")


class MeasuredSteps:
    """Finds the measured cost of a step by what it does, so that moved and merged steps keep theirs.

    Args:
        workflow: The workflow whose runs were measured.
        profile: What those runs showed.
    """

    def __init__(self, workflow: Workflow, profile: PipelineProfile) -> None:
        self._workflow = workflow
        self._profile = profile
        self._posts: dict[tuple[str, str], StepCost] = {}
        self._in_job: dict[tuple[str, str], list[StepCost]] = defaultdict(list)
        self._anywhere: dict[str, list[StepCost]] = defaultdict(list)
        for job in workflow.jobs:
            measured = profile.job(job.job_id)
            if measured is None:
                continue
            for step, found in zip(job.steps, match_steps(job, measured), strict=True):
                if found is not None:
                    cost = _measured_cost(found)
                    self._in_job[job.job_id, step.content_key].append(cost)
                    self._anywhere[step.content_key].append(cost)
            self._note_posts(job, measured)

    def job_costs(
        self, workflow: Workflow, estimates: Iterable[StepEstimate], cache: CacheState
    ) -> tuple[JobCost, ...]:
        """Cost of every job of `workflow`, in the order of the file."""
        estimated = {(estimate.job_id, estimate.content_key): _cost(estimate, cache) for estimate in estimates}
        return tuple(self._job_cost(job, estimated) for job in workflow.jobs)

    def _note_posts(self, job: Job, measured: JobProfile) -> None:
        """What actions do at the end of their job (save a cache): GitHub and local runs name it `Post <step>`."""
        posts = {found.name: found for found in measured.steps if found.name.startswith(_POST)}
        for step in job.steps:
            found = posts.get(_POST + step.display_name)
            if step.uses is not None and found is not None:
                self._posts[job.job_id, step.content_key] = _measured_cost(found)

    def _job_cost(self, job: Job, estimated: dict[tuple[str, str], StepCost]) -> JobCost:
        if self._never_ran(job):
            names = tuple(step.display_name for step in job.steps)
            return JobCost(job.job_id, job.needs, legs=0, overhead_s=0.0, steps=(), unmeasured=names)
        costs: list[StepCost] = []
        posts: list[StepCost] = []
        unmeasured: list[str] = []
        seen: dict[str, int] = defaultdict(int)
        for step in job.steps:
            key = step.content_key
            cost = estimated.get((job.job_id, key)) if not seen[key] else None
            if cost is None:
                cost = self._measured(job.job_id, key, seen[key])
                post = self._post(job.job_id, key)
                posts += [post] if post is not None and not seen[key] else []
            seen[key] += 1
            if cost is None:
                unmeasured.append(step.display_name)
            else:
                costs.append(cost)
        profile = self._profile.job(job.job_id)
        return JobCost(
            job_id=job.job_id,
            needs=job.needs,
            legs=self._legs(profile),
            overhead_s=profile.overhead_s if profile else self._usual_overhead_s(),
            # Actions end in the reverse order of their start.
            steps=(*costs, *reversed(posts)),
            unmeasured=tuple(unmeasured),
        )

    def _never_ran(self, job: Job) -> bool:
        """Whether the measured workflow has the job and its condition kept it from running in every run."""
        return self._workflow.job(job.job_id) is not None and self._profile.job(job.job_id) is None

    def _post(self, job_id: str, key: str) -> StepCost | None:
        own = self._posts.get((job_id, key))
        return own or next((cost for (_, other), cost in self._posts.items() if other == key), None)

    def _measured(self, job_id: str, key: str, occurrence: int) -> StepCost | None:
        """The n-th equal step of a job was measured as such: a repeated install is cheaper than the first."""
        own = self._in_job.get((job_id, key))
        if own:
            return own[min(occurrence, len(own) - 1)]
        others = self._anywhere.get(key)
        if not others:
            return None
        return StepCost(median(cost.wall_s for cost in others), median(cost.cpu_s for cost in others))

    def _legs(self, profile: JobProfile | None) -> int:
        if profile is None:
            return 1
        return max(1, round(profile.runs / self._profile.runs))

    def _usual_overhead_s(self) -> float:
        overheads = [job.overhead_s for job in self._profile.jobs]
        return median(overheads) if overheads else 0.0


def _measured_cost(profile: StepProfile) -> StepCost:
    return StepCost(profile.duration_s, profile.cpu_s or 0.0)


def _cost(estimate: StepEstimate, cache: CacheState) -> StepCost:
    if cache == "warm":
        return StepCost(estimate.warm_s, estimate.warm_cpu_s)
    return StepCost(estimate.cold_s, estimate.cold_cpu_s)
