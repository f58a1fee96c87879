"""Everything makespan has to say about one pipeline, from its runs alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from makespan_analytics.caching.cache_statistics import CacheStatistics
from makespan_analytics.findings import bottlenecks
from makespan_analytics.findings.evidence import RECENT_RUNS, CostSummary, Evidence, gather_evidence
from makespan_analytics.findings.finding import Finding
from makespan_analytics.findings.producers import PRODUCERS
from makespan_analytics.findings.ranking import ranked, without_repeats
from makespan_analytics.flakiness.standings import FlakyStanding
from makespan_analytics.forecasts.cost_growth import CostGrowth
from makespan_analytics.forecasts.next_run import NextDuration, next_run
from makespan_analytics.pipeline_analysis import PipelineAnalysis, comparable_runs
from makespan_analytics.queueing import starvation
from makespan_analytics.queueing.starvation import PoolStanding
from makespan_analytics.regressions import pipeline_changes
from makespan_analytics.regressions.pipeline_changes import PipelineChanges
from makespan_analytics.sizing import memory_size
from makespan_analytics.sizing.observations import SamplesOf
from makespan_analytics.sizing.pipeline_sizes import PipelineSizes
from makespan_analytics.what_if.speedups import VirtualSpeedup
from makespan_model.evidence import TestRun
from makespan_model.records import PipelineRun


@dataclass(frozen=True, slots=True)
class NotEnough:
    """An analysis that says nothing for want of data.

    Attributes:
        what: The analysis.
        needs: The fewest that it needs, and `of` what.
        has: How many there are.
    """

    what: str
    needs: int
    has: int
    of: str


@dataclass(frozen=True, slots=True)
class PipelineReport:
    """One pipeline. Holds plain values only: it can be compared, pickled and sent to another process.

    Attributes:
        runs: In the history that was given.
        first_start_ns, last_start_ns: Of its oldest and newest run.
        runs_per_week: Pace of the last month; a lower bound for a history shorter than a week.
        makespans_s: Of its comparable runs, oldest first.
        comparable_starts_ns: Their starts.
        analysis, speedups: Of the newest of them.
        pools, caches, costs: Of the last month.
        flaky_steps, flaky_tests: Of the whole history; `sizes` of its newest 200 runs.
        branch: The default branch, where `changes` are of its runs alone; None where they are of all.
        level_starts_ns: Starts of the runs that `changes` are of.
        next_run, cost_growth: Forecasts from the whole history; None where it is too short.
        findings: The most worthwhile first.
        not_enough: What nothing could be said of, and why.
        tests_known: Whether test results were given; without them nothing is said of single tests.
    """

    repository: str
    pipeline: str
    runs: int
    first_start_ns: int
    last_start_ns: int
    runs_per_week: float
    makespans_s: tuple[float, ...]
    comparable_starts_ns: tuple[int, ...]
    analysis: PipelineAnalysis
    speedups: tuple[VirtualSpeedup, ...]
    pools: tuple[PoolStanding, ...]
    flaky_steps: tuple[FlakyStanding, ...]
    flaky_tests: tuple[FlakyStanding, ...]
    sizes: PipelineSizes
    branch: str | None
    changes: PipelineChanges
    level_starts_ns: tuple[int, ...]
    caches: tuple[CacheStatistics, ...]
    costs: CostSummary
    next_run: NextDuration | None
    cost_growth: CostGrowth | None
    findings: tuple[Finding, ...]
    not_enough: tuple[NotEnough, ...]
    tests_known: bool


def analyze_one(
    runs: Sequence[PipelineRun],
    *,
    own_usd_per_hour: Mapping[str, float] | None = None,
    recent_runs: int = RECENT_RUNS,
    samples_of: SamplesOf | None = None,
    tests: Sequence[TestRun] | None = None,
) -> PipelineReport:
    """Analyse the history of one pipeline; asks no store and no clock.

    Args:
        runs: Of one pipeline, oldest first.
        own_usd_per_hour: Price of an hour of one's own runners, by label.
        recent_runs: How many of the newest comparable runs say how the pipeline is now.
        samples_of: The readings of a step; None: cores are means of whole steps.
        tests: Test results of these runs; None: nothing is said of tests.

    Raises:
        ValueError: No run was given.
        InputError: The recorded `needs` form a circle.
    """
    evidence = gather_evidence(
        runs, own_usd_per_hour=own_usd_per_hour or {}, recent_runs=recent_runs, samples_of=samples_of, tests=tests
    )
    repository, pipeline = evidence.pipeline
    comparable = comparable_runs(runs)
    return PipelineReport(
        repository=repository,
        pipeline=pipeline,
        runs=len(runs),
        first_start_ns=runs[0].start_ns,
        last_start_ns=runs[-1].start_ns,
        runs_per_week=evidence.runs_per_week,
        makespans_s=tuple(run.makespan_s for run in comparable),
        comparable_starts_ns=tuple(run.start_ns for run in comparable),
        analysis=evidence.analysis,
        speedups=evidence.speedups,
        pools=evidence.pools,
        flaky_steps=evidence.flaky_steps,
        flaky_tests=evidence.flaky_tests,
        sizes=evidence.sizes,
        branch=evidence.branch,
        changes=evidence.changes,
        level_starts_ns=evidence.level_starts_ns,
        caches=evidence.caches,
        costs=evidence.costs,
        next_run=next_run(runs),
        cost_growth=evidence.cost_growth,
        findings=findings_of(evidence),
        not_enough=tuple(_not_enough(evidence, len(comparable))),
        tests_known=tests is not None,
    )


def _not_enough(evidence: Evidence, comparable: int) -> Iterator[NotEnough]:
    if len(evidence.recent) < bottlenecks.FEWEST_RUNS:
        yield NotEnough("bottlenecks", bottlenecks.FEWEST_RUNS, len(evidence.recent), "runs")
    if comparable < pipeline_changes.FEWEST_RUNS:
        yield NotEnough("regressions", pipeline_changes.FEWEST_RUNS, comparable, "successful runs")
    queued = [job for run in evidence.lately for job in run.jobs if job.queue_s is not None]
    if queued and not evidence.pools:
        yield NotEnough("queueing", starvation.FEWEST_JOBS, len(queued), "jobs of one label with a queue time")
    measured = max((size.runs for size in evidence.sizes.jobs), default=0)
    if any(step.profile.cpu_s is not None for step in evidence.analysis.steps) and measured < memory_size.FEWEST_RUNS:
        yield NotEnough("sizes", memory_size.FEWEST_RUNS, measured, "measured runs of a job")


def pipeline_findings(
    runs: Sequence[PipelineRun], *, own_usd_per_hour: Mapping[str, float] | None = None
) -> tuple[Finding, ...]:
    """The findings alone; arguments, order and errors as for `analyze_one`."""
    return findings_of(gather_evidence(runs, own_usd_per_hour=own_usd_per_hour or {}))


def findings_of(evidence: Evidence) -> tuple[Finding, ...]:
    """What every producer finds, ranked."""
    found = without_repeats(one for find in PRODUCERS for one in find(evidence))
    return ranked(found, evidence.runs_per_month)
