"""Jobs that wait for runners, apart from what they do when they have one."""

from __future__ import annotations

from collections.abc import Iterable

from makespan_analytics.critical_path import SegmentKind
from makespan_analytics.findings.evidence import Evidence
from makespan_analytics.findings.finding import Confidence, Effect, Finding, FindingKind, FindingSubject, Measurement
from makespan_analytics.queueing.starvation import PoolStanding, Verdict
from makespan_analytics.what_if.speedups import Gain
from makespan_analytics.what_if.task_graph import Subject

_LEAST_SAVED_S = 5.0
"""The smallest change of a queue time that `regressions` reports: less is the usual jitter of a pickup."""
_LEAST_SAVED_RATIO = 0.02
_ENOUGH_JOBS = 100


def find(evidence: Evidence) -> Iterable[Finding]:
    """A finding for every set of labels whose jobs wait so long that the pipeline takes longer for it."""
    for pool in evidence.pools:
        if pool.verdict is not Verdict.FINE:
            gain, part = _gain(evidence, pool), _part(pool)
            if gain.saved_s * part >= _LEAST_SAVED_S and gain.saved_ratio * part >= _LEAST_SAVED_RATIO:
                yield _finding(evidence, pool, gain, part)


def _gain(evidence: Evidence, pool: PoolStanding) -> Gain:
    """What it gives when no job with these labels queues."""
    job_ids = {
        job.job_id
        for run in evidence.recent
        for job in run.jobs
        if tuple(sorted(job.runner_labels or ())) == pool.labels
    }
    scenario = {Subject(SegmentKind.QUEUE, job_id): 1.0 for job_id in sorted(job_ids)}
    return evidence.what_if.gains([scenario])[0]


def _part(pool: PoolStanding) -> float:
    """The part of the waiting that the verdict is about."""
    total_s = pool.pickup_s + pool.starved_s + pool.excess_s
    if total_s <= 0:
        return 0.0
    about_s = pool.pickup_s + pool.excess_s if pool.verdict is Verdict.SLOW_PICKUP else pool.starved_s
    return about_s / total_s


def _finding(evidence: Evidence, pool: PoolStanding, gain: Gain, part: float) -> Finding:
    label = ", ".join(pool.labels) or "unlabelled"
    return evidence.finding(
        FindingKind.QUEUEING,
        FindingSubject(None, None, label, f"{label} runners"),
        numbers=(
            Measurement("median queue time", pool.queue_s, "s"),
            Measurement("queue time that one job in ten exceeds", pool.late_queue_s, "s"),
            Measurement("usual pickup", pool.pickup_s, "s"),
            Measurement("waited a job for want of runners", pool.starved_s, "s"),
            Measurement("waited a job for other reasons", pool.excess_s, "s"),
            Measurement("jobs at once at the most", pool.most_at_once, "jobs"),
            Measurement("jobs looked at", pool.jobs, "jobs"),
        ),
        effect=Effect(
            makespan_s=gain.saved_s * part,
            low_s=gain.low_s * part,
            high_s=gain.high_s * part,
            usd_per_month=None,
            how=f"{part:.0%} of the queueing taken away, replayed through {len(evidence.recent)} runs; "
            "waiting for a runner is not billed",
        ),
        seen=(evidence.lately[0], evidence.lately[-1]),
        # The jobs of other pipelines on the same runners are not seen here.
        confidence=Confidence.MEDIUM if pool.jobs >= _ENOUGH_JOBS else Confidence.LOW,
        advice=_advice(pool, label),
    )


def _advice(pool: PoolStanding, label: str) -> str:
    if pool.verdict is Verdict.SLOW_PICKUP:
        return f"Keep {label} runners warm or start them sooner: jobs wait {pool.pickup_s:.0f} s with runners to spare."
    hour, waited_s = max(pool.by_hour_s, key=lambda item: item[1])
    return (
        f"Add {label} runners (at most {pool.most_at_once} jobs ran at once) or move scheduled runs off "
        f"{hour:02d}:00 UTC, when jobs wait {waited_s:.0f} s."
    )
