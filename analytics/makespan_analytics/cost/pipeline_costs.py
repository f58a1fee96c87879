"""What runs cost, by pipeline, job, step, branch, actor and owner.

Only priced jobs count; how many are not, and why, is told beside every sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from makespan_analytics.cost.job_costs import JobCost, job_cost
from makespan_analytics.cost.price_tables import price_table
from makespan_model.records import JobRun, PipelineRun, StepRun, pooled_path

UNKNOWN = "unknown"
"""The key of what nobody recorded."""
OUTSIDE_STEPS = ""
"""The step path of a job's time, and of the rounding of its bill, that no step of it accounts for."""


@dataclass(frozen=True, slots=True)
class CostShare:
    """What one key (a pipeline, branch, person, …) caused.

    Attributes:
        key: Which one.
        usd: Sum over its priced jobs.
        runs: Runs that had a part in it.
        jobs: Jobs, priced or not.
        unpriced_jobs: Those without a known price; the sum lacks them.
        billed_s: Paid seconds of the priced jobs.
    """

    key: str
    usd: float
    runs: int
    jobs: int
    unpriced_jobs: int
    billed_s: float


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a step costs over some history; matrix legs are pooled.

    Attributes:
        step_path: The pooled path; `OUTSIDE_STEPS` for what is in no step.
        usd: Its part of its jobs' cost, by time.
        runs: How often it ran in a priced job.
    """

    job_id: str
    step_path: str
    name: str
    usd: float
    runs: int


@dataclass(frozen=True, slots=True)
class RunCost:
    """The cost of one run, job by job, in the order of `run.jobs`."""

    run: PipelineRun
    jobs: tuple[JobCost, ...]

    @property
    def usd(self) -> float:
        """Sum over the priced jobs."""
        return sum(job.usd or 0.0 for job in self.jobs)


def run_costs(runs: Iterable[PipelineRun], own_usd_per_hour: Mapping[str, float]) -> list[RunCost]:
    """The cost of every run, in their order; `own_usd_per_hour` as for `job_cost`."""
    return [RunCost(run, tuple(job_cost(run, job, own_usd_per_hour) for job in run.jobs)) for run in runs]


def cost_by(costs: Iterable[RunCost], key: Callable[[PipelineRun], str | None]) -> list[CostShare]:
    """Sums by any property of a run (`lambda run: run.ref`), the dearest first; None counts as `UNKNOWN`."""
    return cost_by_parts(costs, lambda run: {key(run) or UNKNOWN: 1.0})


def cost_by_parts(costs: Iterable[RunCost], parts: Callable[[PipelineRun], Mapping[str, float]]) -> list[CostShare]:
    """Sums where a run belongs to several keys, each with a part of it; the parts of a run add up to 1.

    Runs and jobs are counted for each key they have a part in.
    """
    usd: dict[str, float] = defaultdict(float)
    billed_s: dict[str, float] = defaultdict(float)
    runs: dict[str, int] = defaultdict(int)
    jobs: dict[str, int] = defaultdict(int)
    unpriced_jobs: dict[str, int] = defaultdict(int)
    for cost in costs:
        unpriced = sum(job.usd is None for job in cost.jobs)
        paid_s = sum(job.billed_s for job in cost.jobs if job.usd is not None)
        for key, part in parts(cost.run).items():
            usd[key] += part * cost.usd
            billed_s[key] += part * paid_s
            runs[key] += 1
            jobs[key] += len(cost.jobs)
            unpriced_jobs[key] += unpriced
    shares = [CostShare(key, usd[key], runs[key], jobs[key], unpriced_jobs[key], billed_s[key]) for key in runs]
    return sorted(shares, key=lambda share: (-share.usd, -share.jobs, share.key))


def cost_by_job(costs: Iterable[RunCost]) -> list[CostShare]:
    """Sums by job id, the dearest first; matrix legs are pooled."""
    jobs: dict[str, list[JobCost]] = defaultdict(list)
    runs: dict[str, set[int]] = defaultdict(set)
    for number, cost in enumerate(costs):
        for job in cost.jobs:
            jobs[job.job_id].append(job)
            runs[job.job_id].add(number)
    shares = [
        CostShare(
            key=job_id,
            usd=sum(job.usd or 0.0 for job in found),
            runs=len(runs[job_id]),
            jobs=len(found),
            unpriced_jobs=sum(job.usd is None for job in found),
            billed_s=sum(job.billed_s for job in found if job.usd is not None),
        )
        for job_id, found in jobs.items()
    ]
    return sorted(shares, key=lambda share: (-share.usd, -share.jobs, share.key))


def cost_by_step(costs: Iterable[RunCost]) -> list[StepCost]:
    """Each job's cost divided among its steps by time, the dearest first; the rest is `OUTSIDE_STEPS`."""
    usd: dict[tuple[str, str], float] = defaultdict(float)
    runs: dict[tuple[str, str], int] = defaultdict(int)
    names: dict[tuple[str, str], str] = {}
    for cost in costs:
        for job, priced in zip(cost.run.jobs, cost.jobs, strict=True):
            if not priced.usd:
                continue
            parts = step_parts(job, priced)
            for step, part in parts:
                place = (job.job_id, pooled_path(step.path))
                usd[place] += part * priced.usd
                runs[place] += 1
                names[place] = step.name
            usd[job.job_id, OUTSIDE_STEPS] += (1 - sum(part for _, part in parts)) * priced.usd
            runs[job.job_id, OUTSIDE_STEPS] += 1
    found = [StepCost(*place, names.get(place, ""), usd[place], runs[place]) for place in usd]
    return sorted(found, key=lambda step: (-step.usd, step.job_id, step.step_path))


def step_parts(job: JobRun, cost: JobCost) -> list[tuple[StepRun, float]]:
    """Each step's part of a job's cost: its seconds over the billed ones; steps side by side share their time."""
    total_s = sum(step.duration_s for step in job.steps)
    if total_s <= 0 or cost.billed_s <= 0:
        return []
    # Steps that overlap have more seconds than the job; they cannot cost more than it.
    scale = min(1.0, cost.duration_s / total_s) / cost.billed_s
    return [(step, step.duration_s * scale) for step in job.steps]


def unpriced_reasons(costs: Iterable[RunCost]) -> dict[str, int]:
    """Why jobs have no price, with their number, the most frequent first."""
    found: dict[str, int] = defaultdict(int)
    for cost in costs:
        for job in cost.jobs:
            if job.usd is None:
                found[job.unpriced] += 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def included_minutes_used(costs: Iterable[RunCost]) -> float:
    """Minutes of a plan that standard hosted runners used up, multipliers applied; larger runners use none."""
    return sum(
        job.billed_s / 60 * job.runner.included_multiplier
        for cost in costs
        for job in cost.jobs
        if job.runner is not None and job.runner.is_standard
    )


def price_sources(costs: Sequence[RunCost]) -> list[str]:
    """What the figures rest on: each table that was used, with its date."""
    tables = {
        job.runner.provider: price_table(job.runner.provider) for cost in costs for job in cost.jobs if job.runner
    }
    return [f"{table.source} (as of {table.as_of})" for _, table in sorted(tables.items()) if table is not None]
