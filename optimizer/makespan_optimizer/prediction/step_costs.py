"""The cost of each step of a rewritten workflow: measured where its work was measured, else as a pass estimates it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Literal

from makespan_analytics.profiles import JobProfile, PipelineProfile
from makespan_optimizer.passes.evidence import match_steps
from makespan_optimizer.prediction.estimates import StepEstimate
from makespan_optimizer.workflow.model import Job, Workflow

CacheState = Literal["cold", "warm"]


@dataclass(frozen=True, slots=True)
class StepCost:
    """Wall time of a step that has the machine to itself, and the CPU seconds it uses in it."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class JobCost:
    """A job as the replay sees it.

    Attributes:
        legs: How many instances run (matrix legs).
        overhead_s: Wall time of a leg outside its steps.
        unmeasured: Display names of steps nobody measured or estimated; they cost nothing here.
    """

    job_id: str
    needs: tuple[str, ...]
    legs: int
    overhead_s: float
    steps: tuple[StepCost, ...]
    unmeasured: tuple[str, ...]


class MeasuredSteps:
    """Finds the measured cost of a step by what it does, so that moved and merged steps keep theirs.

    Args:
        workflow: The workflow whose runs were measured.
        profile: What those runs showed.
    """

    def __init__(self, workflow: Workflow, profile: PipelineProfile) -> None:
        self._profile = profile
        self._in_job: dict[tuple[str, str], list[StepCost]] = defaultdict(list)
        self._anywhere: dict[str, list[StepCost]] = defaultdict(list)
        for job in workflow.jobs:
            measured = profile.job(job.job_id)
            if measured is None:
                continue
            for step, found in zip(job.steps, match_steps(job, measured), strict=True):
                if found is not None:
                    cost = StepCost(found.duration_s, found.cpu_s or 0.0)
                    self._in_job[job.job_id, step.content_key].append(cost)
                    self._anywhere[step.content_key].append(cost)

    def job_costs(
        self, workflow: Workflow, estimates: Iterable[StepEstimate], cache: CacheState
    ) -> tuple[JobCost, ...]:
        """Cost of every job of `workflow`, in the order of the file."""
        estimated = {(estimate.job_id, estimate.content_key): _cost(estimate, cache) for estimate in estimates}
        return tuple(self._job_cost(job, estimated) for job in workflow.jobs)

    def _job_cost(self, job: Job, estimated: dict[tuple[str, str], StepCost]) -> JobCost:
        costs: list[StepCost] = []
        unmeasured: list[str] = []
        seen: dict[str, int] = defaultdict(int)
        for step in job.steps:
            key = step.content_key
            cost = estimated.get((job.job_id, key)) if not seen[key] else None
            cost = cost or self._measured(job.job_id, key, seen[key])
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
            steps=tuple(costs),
            unmeasured=tuple(unmeasured),
        )

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


def _cost(estimate: StepEstimate, cache: CacheState) -> StepCost:
    if cache == "warm":
        return StepCost(estimate.warm_s, estimate.warm_cpu_s)
    return StepCost(estimate.cold_s, estimate.cold_cpu_s)
