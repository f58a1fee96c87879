"""One pipeline over its latest runs: how long it takes, what it is spent on, and who holds it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from makespan_analytics.critical_path import CriticalPath, SegmentKind, critical_path
from makespan_analytics.path_shares import PathShare, path_shares
from makespan_analytics.profiles import StepProfile, profile_pipeline
from makespan_analytics.slack import total_slack_s
from makespan_model.records import PipelineRun, Result


@dataclass(frozen=True, slots=True)
class StepStanding:
    """One step: what it takes, and what the pipeline waits for it.

    Attributes:
        profile: Its measurements.
        share: Its part of the critical paths; None when it never was on one.
        slack_s: Median slack of its job (of the tightest leg); 0 on the planned critical path.
    """

    profile: StepProfile
    share: PathShare | None
    slack_s: float

    @property
    def cores_used(self) -> float | None:
        """CPU seconds per second of wall time; None where CPU was not measured or the step took no time."""
        if self.profile.cpu_s is None or self.profile.duration_s == 0:
            return None
        return self.profile.cpu_s / self.profile.duration_s


@dataclass(frozen=True, slots=True)
class PipelineAnalysis:
    """What `makespan analyze` shows.

    Attributes:
        runs: Runs looked at: the successful ones, or all where none succeeded.
        runs_left_out: Runs that failed or were cancelled, whose times are cut short.
        makespan_s: Median; the fastest and slowest are beside it.
        execution_s: Median time on the critical path in which a runner was at work.
        waiting_s: Median time on the critical path spent queueing or waiting.
        latest: The critical path of the newest of the runs.
        steps: In order of critical seconds, then of duration.
        others: Overhead and waiting on the critical paths, the greatest first.
    """

    pipeline: str
    repository: str
    runs: int
    runs_left_out: int
    makespan_s: float
    fastest_s: float
    slowest_s: float
    execution_s: float
    waiting_s: float
    latest: CriticalPath
    steps: tuple[StepStanding, ...]
    others: tuple[PathShare, ...]


def analyze_pipeline(runs: Sequence[PipelineRun]) -> PipelineAnalysis:
    """Analyse runs of one pipeline, given oldest first.

    Raises:
        ValueError: No run was given.
        InputError: The recorded `needs` form a circle.
    """
    if not runs:
        raise ValueError("an analysis needs at least one run")
    chosen = comparable_runs(runs)
    paths = [critical_path(run) for run in chosen]
    shares = path_shares(paths)
    makespans_s = [run.makespan_s for run in chosen]
    return PipelineAnalysis(
        pipeline=chosen[-1].pipeline,
        repository=chosen[-1].identity.repository,
        runs=len(chosen),
        runs_left_out=len(runs) - len(chosen),
        makespan_s=median(makespans_s),
        fastest_s=min(makespans_s),
        slowest_s=max(makespans_s),
        execution_s=median(path.seconds(SegmentKind.STEP, SegmentKind.OVERHEAD) for path in paths),
        waiting_s=median(path.seconds(SegmentKind.QUEUE, SegmentKind.WAIT) for path in paths),
        latest=paths[-1],
        steps=_standings(chosen, shares),
        others=tuple(share for share in shares if share.kind is not SegmentKind.STEP),
    )


def comparable_runs(runs: Sequence[PipelineRun]) -> list[PipelineRun]:
    """The successful runs that have ended, or all where there are none: a failure's short time is no speed-up."""
    return [run for run in runs if run.result is Result.SUCCESS and run.state is None] or list(runs)


def _standings(runs: Sequence[PipelineRun], shares: Sequence[PathShare]) -> tuple[StepStanding, ...]:
    by_step = {(share.job_id, share.step_path): share for share in shares if share.kind is SegmentKind.STEP}
    slack_s = _job_slack_s(runs)
    standings = [
        StepStanding(step, by_step.get((job.job_id, step.path)), slack_s[job.job_id])
        for job in profile_pipeline(runs).jobs
        for step in job.steps
    ]
    return tuple(
        sorted(
            standings,
            key=lambda step: (-(step.share.mean_critical_s if step.share else 0.0), -step.profile.duration_s),
        )
    )


def _job_slack_s(runs: Sequence[PipelineRun]) -> dict[str, float]:
    observed: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        slack_s = total_slack_s(run)
        tightest: dict[str, float] = {}
        for job in run.jobs:
            if job.name in slack_s:
                tightest[job.job_id] = min(slack_s[job.name], tightest.get(job.job_id, float("inf")))
        for job_id, value in tightest.items():
            observed[job_id].append(value)
    return {job_id: median(values) for job_id, values in observed.items()}
