"""Replays a workflow from measured step costs: jobs wait for their needs, for a runner, and share the CPUs.

Hosted runners do not share CPUs: there `cores` is None.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from makespan_analytics.processor_sharing import stretches
from makespan_analytics.profiles import PipelineProfile
from makespan_optimizer.prediction.estimates import StepEstimate
from makespan_optimizer.prediction.step_costs import CacheState, JobCost, MeasuredSteps, StepCost
from makespan_optimizer.workflow.model import Workflow

_EPSILON_S = 1e-9


@dataclass(frozen=True, slots=True)
class PredictedJob:
    """When one leg of a job runs, in seconds from the start of the run."""

    job_id: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a run of a workflow is expected to take.

    Attributes:
        makespan_s: From the start of the run to the end of its last job.
        cpu_s: CPU seconds of all steps.
        unmeasured: `job: step` for each step without a cost; the prediction leaves them out. So are all
            steps of a job that no measured run ran.
    """

    makespan_s: float
    cpu_s: float
    jobs: tuple[PredictedJob, ...]
    unmeasured: tuple[str, ...]


def predict(
    workflow: Workflow,
    *,
    measured_on: Workflow,
    profile: PipelineProfile,
    runners: int,
    cores: float | None = None,
    estimates: Iterable[StepEstimate] = (),
    cache: CacheState = "warm",
) -> Prediction:
    """Predict a run of `workflow` from the runs of `measured_on`.

    Args:
        workflow: What is to be predicted: the measured workflow itself or a rewrite of it.
        measured_on: The workflow whose history `profile` is.
        profile: Its profile.
        runners: Jobs that run at once.
        cores: CPUs that all runners share; None when each runner has its own.
        estimates: Costs of steps that no run has measured.
        cache: Whether dependency caches are empty or filled.
    """
    costs = MeasuredSteps(measured_on, profile).job_costs(workflow, estimates, cache)
    jobs = replay(costs, runners=runners, cores=cores)
    return Prediction(
        makespan_s=max((job.end_s for job in jobs), default=0.0),
        cpu_s=sum(step.cpu_s * cost.legs for cost in costs for step in cost.steps),
        jobs=jobs,
        unmeasured=tuple(f"{cost.job_id}: {name}" for cost in costs for name in cost.unmeasured),
    )


def replay(jobs: Sequence[JobCost], *, runners: int, cores: float | None) -> tuple[PredictedJob, ...]:
    """Run the jobs through `runners` runners, first come first served.

    Jobs that become ready at once are taken in the order given. A job without legs takes no runner and no
    time, but what needs it still waits for its needs.

    Raises:
        ValueError: No runner, no CPU, or `needs` that form a cycle or name a job that is not there.
    """
    if runners < 1:
        raise ValueError(f"a replay needs at least one runner, not {runners}")
    if cores is not None and cores <= 0:
        raise ValueError(f"a replay needs more than {cores} cores")
    waiting = {job.job_id.lower(): job for job in jobs}
    open_legs = {job_id: job.legs for job_id, job in waiting.items()}
    ready: deque[_Leg] = deque()
    running: list[_Leg] = []
    finished: list[PredictedJob] = []
    now_s = 0.0
    while True:
        ready.extend(_released(waiting, open_legs))
        while ready and len(running) < runners:
            leg = ready.popleft()
            leg.start_s = now_s
            running.append(leg)
        if not running:
            break
        now_s += _advance(running, cores)
        for leg in [leg for leg in running if leg.done]:
            running.remove(leg)
            open_legs[leg.job.job_id.lower()] -= 1
            finished.append(PredictedJob(leg.job.job_id, leg.start_s, now_s))
    if waiting:
        raise ValueError(f"jobs that can never start: {', '.join(job.job_id for job in waiting.values())}")
    return tuple(finished)


def _released(waiting: dict[str, JobCost], open_legs: Mapping[str, int]) -> list[_Leg]:
    """Take the jobs whose needs are done out of `waiting`; their legs, in order."""

    def is_done(job_id: str) -> bool:
        return job_id not in waiting and open_legs.get(job_id, 1) == 0

    legs: list[_Leg] = []
    while True:
        free = [job_id for job_id, job in waiting.items() if all(is_done(need.lower()) for need in job.needs)]
        for job_id in free:
            job = waiting.pop(job_id)
            legs += [_Leg(job) for _ in range(job.legs)]
        if not any(open_legs[job_id] == 0 for job_id in free):
            return legs  # Only a job without legs releases others at once.


@dataclass(slots=True)
class _Leg:
    """A leg on its way through its steps; `left_s` is uncontended wall time left in the current one."""

    job: JobCost
    start_s: float = 0.0
    position: int = -1
    left_s: float = field(init=False)
    _steps: tuple[StepCost, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._steps = (StepCost(self.job.overhead_s, 0.0), *self.job.steps)
        self.next_step()

    def next_step(self) -> None:
        self.position += 1
        self.left_s = self._steps[self.position].wall_s if self.position < len(self._steps) else 0.0

    @property
    def done(self) -> bool:
        return self.position >= len(self._steps)

    @property
    def demand_cores(self) -> float:
        step = self._steps[self.position]
        return step.cpu_s / step.wall_s if step.wall_s > _EPSILON_S else 0.0


def _advance(running: list[_Leg], cores: float | None) -> float:
    """Move every leg to the next end of a step; returns the seconds that took."""
    demands = [leg.demand_cores for leg in running]
    slowdowns = stretches(demands, cores)
    elapsed_s = min(leg.left_s * stretch for leg, stretch in zip(running, slowdowns, strict=True))
    for leg, stretch in zip(running, slowdowns, strict=True):
        leg.left_s -= elapsed_s / stretch
        if leg.left_s <= _EPSILON_S:
            leg.next_step()
    return elapsed_s
