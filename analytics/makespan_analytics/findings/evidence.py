"""What the analyses say of one pipeline, gathered once for everything that makes findings of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from makespan_analytics.branches import default_branch_of, is_review
from makespan_analytics.caching.cache_statistics import CacheStatistics, cache_statistics
from makespan_analytics.caching.restores import restores_of
from makespan_analytics.cost.pipeline_costs import RunCost, cost_by_job, cost_by_step, run_costs, unpriced_reasons
from makespan_analytics.cost.waste import Waste, find_waste
from makespan_analytics.critical_path import SegmentKind
from makespan_analytics.findings.finding import (
    MOST_RUN_IDS,
    Confidence,
    Effect,
    Finding,
    FindingKind,
    FindingSubject,
    Measurement,
    finding_id,
)
from makespan_analytics.flakiness.outcomes import records_of_steps, records_of_tests
from makespan_analytics.flakiness.standings import FlakyStanding, flaky_standings
from makespan_analytics.forecasts.cost_growth import CostGrowth, cost_growth
from makespan_analytics.pipeline_analysis import PipelineAnalysis, analyze_pipeline, comparable_runs
from makespan_analytics.profiles.drifts import Drift, drifts
from makespan_analytics.profiles.machine_differences import MachineDifference, machine_differences
from makespan_analytics.queueing.starvation import PoolStanding, pool_standings
from makespan_analytics.regressions.pipeline_changes import FEWEST_RUNS, PipelineChanges, pipeline_changes
from makespan_analytics.regressions.record_series import series_of_runs
from makespan_analytics.sizing.observations import SamplesOf
from makespan_analytics.sizing.pipeline_sizes import PipelineSizes, size_pipeline
from makespan_analytics.what_if.speedups import History, VirtualSpeedup
from makespan_model.evidence import TestRun
from makespan_model.records import PipelineRun, Result

RECENT_RUNS = 20
"""Comparable runs that say how the pipeline is now; older ones may be of another pipeline altogether."""
SIZED_RUNS = 200
"""The newest runs that sizes are asked of. The largest peak of 200 is exceeded by the next run once in 201 times, a
quarter of the risk that is accepted; older runs would say little more, and sizes are half of the work."""
WEEKS_PER_MONTH = 365.25 / 12 / 7
LATELY_DAYS = 30
"""What a month costs, and what runners are short of, is asked of the last month: what was mended before is over."""
_NS_PER_DAY = 86_400 * 1_000_000_000
_NS_PER_WEEK = 7 * _NS_PER_DAY


@dataclass(frozen=True, slots=True)
class CostSummary:
    """What the runs of the last month cost.

    Attributes:
        runs: How many there were.
        usd: Of their priced jobs.
        usd_per_month: The same at the pace of these runs.
        unpriced: Why the other jobs have no price, with their number.
        usd_per_s: By job id, what a billed second of it costs; of priced jobs alone. What a few seconds more would cost
            in the mean, as whole minutes are billed.
        usd_per_job: By job id, what one job costs.
    """

    runs: int
    usd: float
    usd_per_month: float
    jobs: int
    unpriced_jobs: int
    unpriced: tuple[tuple[str, int], ...]
    usd_per_s: Mapping[str, float]
    usd_per_job: Mapping[str, float]
    waste: tuple[Waste, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The analyses of one pipeline.

    Attributes:
        runs: All of the history, oldest first.
        lately: Those of the last month, or as many as `recent` was chosen from; `pools`, `machines`, `caches` and
            `costs` are of them.
        recent: The newest comparable ones; what `analysis`, `speedups` and `what_if` are about.
        sizes: Of the newest `SIZED_RUNS`.
        runs_per_week: Pace of `lately`; less than a week counts as a week, so it is a lower bound then.
        speedups: What each step, overhead and queueing is worth.
        what_if: Answers what several changes together would give.
        branch: Whose runs `changes` are of: the default branch, as unfinished work has levels of its own; None
            for those of all branches, where the default one has too few or is not known.
        level_starts_ns: The starts of those runs.
        cost_growth: Of all runs; None for too few weeks, or without a price.
        step_usd: What a run of each step costs by job id and pooled path, where it is known.
    """

    runs: Sequence[PipelineRun]
    lately: Sequence[PipelineRun]
    recent: Sequence[PipelineRun]
    runs_per_week: float
    analysis: PipelineAnalysis
    speedups: tuple[VirtualSpeedup, ...]
    what_if: History = field(repr=False)
    pools: tuple[PoolStanding, ...]
    flaky_steps: tuple[FlakyStanding, ...]
    flaky_tests: tuple[FlakyStanding, ...]
    sizes: PipelineSizes
    branch: str | None
    changes: PipelineChanges
    level_starts_ns: tuple[int, ...]
    drifts: tuple[Drift, ...]
    machines: tuple[MachineDifference, ...]
    caches: tuple[CacheStatistics, ...]
    costs: CostSummary
    cost_growth: CostGrowth | None
    step_usd: Mapping[tuple[str, str], float]

    @property
    def pipeline(self) -> tuple[str, str]:
        """Repository and name."""
        return self.analysis.repository, self.analysis.pipeline

    @property
    def runs_per_month(self) -> float:
        """Pace of the last month."""
        return self.runs_per_week * WEEKS_PER_MONTH

    @property
    def recent_ids(self) -> tuple[str, ...]:
        """Ids of the newest of the recent runs, to be looked at."""
        return tuple(run.identity.run_id for run in self.recent[-MOST_RUN_IDS:])

    def job_id_of(self, label: str | None) -> str | None:
        """The key of the job with a label, as of the newest run; None for the whole pipeline."""
        if label is None:
            return None
        return next((job.job_id for run in reversed(self.runs) for job in run.jobs if job.name == label), label)

    def on_path_ratio(self, job_id: str | None, step_path: str | None = None, *, queue: bool = False) -> float:
        """The part of the recent runs with a job, a step of it, or its queueing on their critical path."""
        shares = [one.share for one in self.analysis.steps if one.share is not None]
        if queue:
            shares = [one for one in self.analysis.others if one.kind is SegmentKind.QUEUE]
        elif step_path is None:
            shares += [one for one in self.analysis.others if one.kind is SegmentKind.OVERHEAD]
        return max(
            (
                share.runs_on_path / share.runs
                for share in shares
                if share.job_id == job_id and step_path in (None, share.step_path)
            ),
            default=0.0,
        )

    def finding(
        self,
        kind: FindingKind,
        subject: FindingSubject,
        *,
        numbers: Sequence[Measurement],
        effect: Effect,
        confidence: Confidence,
        advice: str,
        seen: tuple[PipelineRun, PipelineRun] | None = None,
        identity: tuple[str, ...] | None = None,
    ) -> Finding:
        """A finding about this pipeline.

        `seen` is the first and the newest run it rests on (else the whole history), `identity` what its id is made of
        besides the kind (else job, step and key of the subject).
        """
        first, last = seen or (self.runs[0], self.runs[-1])
        parts = identity or (subject.job_id or "", subject.step_path or "", subject.key)
        repository, pipeline = self.pipeline
        return Finding(
            finding_id=finding_id(repository, pipeline, kind, *parts),
            kind=kind,
            repository=repository,
            pipeline=pipeline,
            subject=subject,
            evidence=tuple(numbers),
            effect=effect,
            confidence=confidence,
            advice=advice,
            first_seen_ns=first.start_ns,
            last_seen_ns=last.start_ns,
        )


def gather_evidence(
    runs: Sequence[PipelineRun],
    *,
    own_usd_per_hour: Mapping[str, float],
    recent_runs: int = RECENT_RUNS,
    samples_of: SamplesOf | None = None,
    tests: Sequence[TestRun] | None = None,
) -> Evidence:
    """Run every analysis over the history of one pipeline.

    Args:
        runs: Oldest first.
        own_usd_per_hour: As for `cost.job_costs.job_cost`.
        recent_runs: Comparable runs that say how the pipeline is now.
        samples_of: The readings of a step; without it cores are means of whole steps.
        tests: Of these runs; None when nobody looked.

    Raises:
        ValueError: No run was given.
        InputError: The recorded `needs` form a circle.
    """
    newest = newest_with(runs, recent_runs)
    recent = comparable_runs(newest)
    analysis = analyze_pipeline(newest)
    lately = _lately(runs, recent_runs)
    all_costs = run_costs(runs, own_usd_per_hour)
    costs = all_costs[len(runs) - len(lately) :]
    pace = runs_per_week(lately)
    what_if = History(recent)
    branch, of_branch = _one_branch(runs)
    return Evidence(
        runs=runs,
        lately=lately,
        recent=recent,
        runs_per_week=pace,
        analysis=analysis,
        speedups=what_if.speedups(),
        what_if=what_if,
        pools=pool_standings(lately),
        flaky_steps=flaky_standings(records_of_steps(runs)),
        flaky_tests=flaky_standings(records_of_tests(runs, tests)) if tests else (),
        sizes=size_pipeline(runs[-SIZED_RUNS:], samples_of),
        branch=branch,
        changes=pipeline_changes((analysis.repository, analysis.pipeline), series_of_runs(of_branch)),
        level_starts_ns=tuple(run.start_ns for run in of_branch),
        drifts=drifts(runs),
        machines=machine_differences(lately),
        caches=_caches(lately),
        costs=_summary(costs, pace),
        cost_growth=cost_growth(all_costs),
        step_usd={(step.job_id, step.step_path): step.usd / step.runs for step in cost_by_step(costs)},
    )


def runs_per_week(runs: Sequence[PipelineRun]) -> float:
    """Runs started a week, from the first to the last; a history shorter than a week counts as a week."""
    return len(runs) / max(1.0, (runs[-1].start_ns - runs[0].start_ns) / _NS_PER_WEEK)


def newest_with(runs: Sequence[PipelineRun], comparable: int) -> Sequence[PipelineRun]:
    """The newest runs with so many comparable ones among them; all where there are not so many.

    Where none is comparable, so many of the newest ones whatever became of them.
    """
    places = [place for place, run in enumerate(runs) if run.result is Result.SUCCESS and run.state is None]
    if not places:
        return runs[-comparable:]
    return runs[places[-comparable] :] if len(places) >= comparable else runs


def _lately(runs: Sequence[PipelineRun], at_least: int) -> Sequence[PipelineRun]:
    since_ns = runs[-1].start_ns - LATELY_DAYS * _NS_PER_DAY
    first = next(place for place, run in enumerate(runs) if run.start_ns >= since_ns)
    return runs[min(first, max(0, len(runs) - at_least)) :]


def _one_branch(runs: Sequence[PipelineRun]) -> tuple[str | None, Sequence[PipelineRun]]:
    main = default_branch_of(runs)
    if main is None:
        return None, runs
    found = [run for run in runs if run.ref == main.name and not is_review(run.event)]
    if sum(run.result is Result.SUCCESS for run in found) < FEWEST_RUNS:
        return None, runs
    return main.name, found


def _caches(runs: Sequence[PipelineRun]) -> tuple[CacheStatistics, ...]:
    restores = restores_of(runs)
    main = default_branch_of(runs) if restores else None
    return cache_statistics(restores, default_branch=main.name if main is not None else None)


def _summary(costs: Sequence[RunCost], pace: float) -> CostSummary:
    by_job = cost_by_job(costs)
    usd = sum(share.usd for share in by_job)
    return CostSummary(
        runs=len(costs),
        usd=usd,
        usd_per_month=usd / len(costs) * pace * WEEKS_PER_MONTH,
        jobs=sum(share.jobs for share in by_job),
        unpriced_jobs=sum(share.unpriced_jobs for share in by_job),
        unpriced=tuple(unpriced_reasons(costs).items()),
        usd_per_s={share.key: share.usd / share.billed_s for share in by_job if share.billed_s > 0},
        usd_per_job={
            share.key: share.usd / (share.jobs - share.unpriced_jobs)
            for share in by_job
            if share.jobs > share.unpriced_jobs
        },
        waste=tuple(find_waste(costs)),
    )
