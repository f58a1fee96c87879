"""Jobs on machines that are larger or dearer than they need."""

from __future__ import annotations

from collections.abc import Iterable

from makespan_analytics.cost.price_tables import price_table
from makespan_analytics.findings.evidence import Evidence
from makespan_analytics.findings.finding import Confidence, Effect, Finding, FindingKind, FindingSubject, Measurement
from makespan_analytics.sizing.pipeline_sizes import Size, Verdict
from makespan_analytics.sizing.runner_choice import ClassFit
from makespan_model.units import format_bytes

LEAST_USD_PER_MONTH = 1.0
"""Under a dollar a month nobody changes a workflow."""
_FEWEST_SAMPLED = 3
"""Runs with samples from which on peaks of CPU are known; means of whole steps hide them."""


def find(evidence: Evidence) -> Iterable[Finding]:
    """A finding for each job that a cheaper runner would do for, or half of the container it has."""
    for size in evidence.sizes.jobs:
        current = _current(evidence, size)
        advised = size.runner.advised if size.runner is not None else None
        if current is not None and advised is not None and advised.usd_per_run < current.usd_per_run:
            yield from _cheaper_finding(evidence, size, current, advised)
        elif current is None and size.verdict is Verdict.SHRINK:
            yield _shrink_finding(evidence, size)


def _current(evidence: Evidence, size: Size) -> ClassFit | None:
    """The hosted runner class that the newest run of a job asked for; None for one's own runners."""
    newest = next(
        (
            (run.identity.provider, job.runner_labels)
            for run in reversed(evidence.runs)
            for job in run.jobs
            if job.job_id == size.job_id and job.runner_labels
        ),
        None,
    )
    table = price_table(newest[0]) if newest is not None else None
    runner = table.class_of(newest[1]) if table is not None and newest is not None else None
    if runner is None or size.runner is None:
        return None
    return next((one for one in size.runner.fits if one.runner.name == runner.name), None)


def _cheaper_finding(evidence: Evidence, size: Size, current: ClassFit, advised: ClassFit) -> Iterable[Finding]:
    legs_per_run = size.runs / len(evidence.runs)
    usd = (current.usd_per_run - advised.usd_per_run) * legs_per_run * evidence.runs_per_month
    slower_ratio = max(0.0, advised.slowdown_ratio - current.slowdown_ratio)
    critical_s = sum(
        one.share.mean_critical_s
        for one in evidence.analysis.steps
        if one.share is not None and one.profile.job_id == size.job_id
    )
    if usd < LEAST_USD_PER_MONTH:
        return
    sampled = size.cpu.sampled_runs if size.cpu is not None else 0
    label = advised.runner.labels[0] if advised.runner.labels else advised.runner.name
    yield evidence.finding(
        FindingKind.TOO_LARGE,
        FindingSubject(size.job_id, None, "runner", f"runner of {size.job_id}"),
        numbers=(
            Measurement("a run on what it has", current.usd_per_run, "usd"),
            Measurement("a run on what is advised", advised.usd_per_run, "usd"),
            Measurement("slower by", slower_ratio, "ratio"),
            Measurement("risk of running out of memory", advised.oom_risk or 0.0, "ratio"),
            Measurement("runs looked at", size.runs, "runs"),
        ),
        effect=Effect(
            makespan_s=-slower_ratio * critical_s,
            usd_per_month=usd,
            how="list prices of a median run; longer where it used more cores than there would be",
        ),
        confidence=Confidence.HIGH if sampled >= _FEWEST_SAMPLED else Confidence.LOW,
        advice=f"Run {size.job_id} on {label} instead of {current.runner.name}: "
        f"{advised.usd_per_run:.3f} instead of {current.usd_per_run:.3f} USD a run.",
    )


def _shrink_finding(evidence: Evidence, size: Size) -> Finding:
    # What a verdict of SHRINK rests on.
    assert size.memory is not None
    assert size.cpu is not None
    memory, cores = size.memory.size_bytes, size.cpu.cores
    return evidence.finding(
        FindingKind.TOO_LARGE,
        FindingSubject(size.job_id, None, "container", f"size of {size.job_id}"),
        numbers=(
            Measurement("memory it has", size.offered_memory_bytes or 0, "bytes"),
            Measurement("memory advised", memory, "bytes"),
            Measurement("cores it has", size.offered_cores or 0.0, "cores"),
            Measurement("cores advised", cores, "cores"),
            Measurement("risk of running out of memory", size.memory.risk, "ratio"),
        ),
        effect=Effect(None, None, "no price is known of what it runs on"),
        confidence=Confidence.HIGH if size.cpu.sampled_runs >= _FEWEST_SAMPLED else Confidence.LOW,
        advice=f"Give {size.job_id} {cores:.2g} cores and {format_bytes(memory)} of memory: it has over twice that.",
    )
