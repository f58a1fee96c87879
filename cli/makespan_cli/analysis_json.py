"""An analysis as JSON, in the shape that docs/analytics.md documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from makespan_analytics.findings.finding_json import finding_as_json
from makespan_analytics.what_if.speedups import SPEEDUPS
from makespan_cli.profile_json import job_history_as_json, variance_as_json

if TYPE_CHECKING:
    from makespan_analytics.caching.cache_statistics import CacheStatistics
    from makespan_analytics.critical_path import CriticalPath
    from makespan_analytics.findings.evidence import CostSummary
    from makespan_analytics.flakiness.standings import FlakyStanding
    from makespan_analytics.path_shares import PathShare
    from makespan_analytics.pipeline_analysis import StepStanding
    from makespan_analytics.pipeline_report import PipelineReport
    from makespan_analytics.profiles.pipeline_history import PipelineHistory
    from makespan_analytics.queueing.starvation import PoolStanding
    from makespan_analytics.what_if.speedups import VirtualSpeedup
    from makespan_cli.kept_findings import KeptFinding


def report_as_json(report: PipelineReport, kept: Sequence[KeptFinding], history: PipelineHistory) -> dict[str, Any]:
    """The whole report; findings with their past, and the profiles of jobs and steps."""
    analysis = report.analysis
    return {
        "pipeline": report.pipeline,
        "repository": report.repository,
        "runs": analysis.runs,
        "runs_left_out": analysis.runs_left_out,
        "history": {
            "runs": report.runs,
            "first_start_ns": report.first_start_ns,
            "last_start_ns": report.last_start_ns,
            "runs_per_week": report.runs_per_week,
            "regressions_of_branch": report.branch,
        },
        "makespan_s": {
            "median": analysis.makespan_s,
            "fastest": analysis.fastest_s,
            "slowest": analysis.slowest_s,
        },
        "critical_path_s": {"execution": analysis.execution_s, "waiting": analysis.waiting_s},
        "latest_critical_path": _path_as_json(analysis.latest),
        "steps": [_step_as_json(step) for step in analysis.steps],
        "others": [_share_as_json(share) for share in analysis.others],
        "findings": [kept_as_json(one) for one in kept],
        "what_if": [_speedup_as_json(one) for one in report.speedups],
        "queueing": [_pool_as_json(one) for one in report.pools],
        "flakiness": [_flaky_as_json(one) for one in (*report.flaky_steps, *report.flaky_tests)],
        "caches": [_cache_as_json(one) for one in report.caches],
        "cost": _cost_as_json(report.costs),
        "next_run": None if report.next_run is None else asdict(report.next_run),
        "cost_growth": None if report.cost_growth is None else asdict(report.cost_growth),
        "jobs": [job_history_as_json(job) for job in history.jobs],
        "times_differ_by": variance_as_json(history.variance),
        "not_enough": [asdict(one) for one in report.not_enough],
    }


def kept_as_json(kept: KeptFinding) -> dict[str, Any]:
    """A finding with its status, its events, and what people said."""
    return {
        **finding_as_json(kept.finding),
        "status": kept.entry.status.value,
        "events": [{"status": event.status.value, "time_ns": event.time_ns} for event in kept.entry.events],
        "standing": kept.standing.value,
    }


def _path_as_json(path: CriticalPath) -> dict[str, Any]:
    segments = [
        {
            "kind": segment.kind.value,
            "start_s": segment.start_s,
            "duration_s": segment.duration_s,
            "job": segment.job,
            "job_id": segment.job_id,
            "step": segment.step,
            "step_path": segment.step_path,
        }
        for segment in path.segments
    ]
    return {"run_id": path.run_id, "makespan_s": path.makespan_s, "segments": segments}


def _step_as_json(step: StepStanding) -> dict[str, Any]:
    profile = step.profile
    return {
        "job_id": profile.job_id,
        "step_path": profile.path,
        "name": profile.name,
        "runs": profile.runs,
        "failures": profile.failures,
        "duration_s": profile.duration_s,
        "slack_s": step.slack_s,
        "cpu_s": profile.cpu_s,
        "cores_used": step.cores_used,
        "memory_peak_bytes": profile.memory_peak_bytes,
        "critical": None if step.share is None else _share_as_json(step.share),
    }


def _share_as_json(share: PathShare) -> dict[str, Any]:
    return {**asdict(share), "kind": share.kind.value}


def _speedup_as_json(one: VirtualSpeedup) -> dict[str, Any]:
    return {
        "kind": one.subject.kind.value,
        "job_id": one.subject.job_id,
        "step_path": one.subject.step_path,
        "name": one.name,
        "runs": one.runs,
        "gains": [
            {"speedup_ratio": speedup, **asdict(gain)} for speedup, gain in zip(SPEEDUPS, one.gains, strict=True)
        ],
    }


def _pool_as_json(pool: PoolStanding) -> dict[str, Any]:
    return {
        **asdict(pool),
        "labels": list(pool.labels),
        "by_hour_s": [{"hour": hour, "queue_s": queue_s} for hour, queue_s in pool.by_hour_s],
        "verdict": pool.verdict.value,
    }


def _flaky_as_json(one: FlakyStanding) -> dict[str, Any]:
    return {
        "job_id": one.subject.job_id,
        "step_path": one.subject.step_path,
        "test": one.subject.test,
        "name": one.name,
        "executions": one.executions,
        "mixed_groups": one.mixed_groups,
        "probability": one.flakiness.probability,
        "low": one.flakiness.low,
        "high": one.flakiness.high,
        "retried": one.retried,
        "lost_s": one.lost_s,
        "advice": one.advice.value,
        "spurious": [asdict(failure) for failure in one.spurious],
    }


def _cache_as_json(cache: CacheStatistics) -> dict[str, Any]:
    saves = cache.hit_saves
    return {
        "job_id": cache.job_id,
        "step_path": cache.step,
        "name": cache.name,
        "hits": cache.counts.hits,
        "partials": cache.counts.partials,
        "misses": cache.counts.misses,
        "hit_saves_s": None if saves is None else {"median": saves.seconds, "low": saves.low, "high": saves.high},
        "saved_s": cache.saved_s,
        "lost_s": cache.lost_s,
        "reasons": [
            {"reason": one.reason.value, "misses": one.misses, "partials": one.partials, "run_ids": list(one.run_ids)}
            for one in cache.reasons
        ],
    }


def _cost_as_json(costs: CostSummary) -> dict[str, Any]:
    return {
        "runs": costs.runs,
        "usd": costs.usd,
        "usd_per_month": costs.usd_per_month,
        "jobs": costs.jobs,
        "unpriced_jobs": costs.unpriced_jobs,
        "unpriced": [{"why": why, "jobs": jobs} for why, jobs in costs.unpriced],
        "waste": [
            {
                "kind": waste.kind.value,
                "usd": waste.usd,
                "share_ratio": waste.share_ratio,
                "jobs": waste.jobs,
                "run_ids": list(waste.run_ids),
            }
            for waste in costs.waste
        ],
    }
