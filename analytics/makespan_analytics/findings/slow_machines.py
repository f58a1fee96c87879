"""Machines on which the same jobs take longer than on others with their labels."""

from __future__ import annotations

from collections.abc import Iterable

from makespan_analytics.findings.evidence import Evidence
from makespan_analytics.findings.finding import Confidence, Effect, Finding, FindingKind, FindingSubject, Measurement
from makespan_analytics.profiles.machine_differences import MachineDifference

_LEAST_EXTRA_S = 1.0
"""In the mean over all runs: less is nobody's concern."""
_SURE_CHANCE = 0.001


def find(evidence: Evidence) -> Iterable[Finding]:
    """A finding for every slow machine."""
    for one in evidence.machines:
        if one.low > 1 and one.extra_s / len(evidence.lately) >= _LEAST_EXTRA_S:
            yield _finding(evidence, one)


def _finding(evidence: Evidence, machine: MachineDifference) -> Finding:
    on_it = [job for run in evidence.lately for job in run.jobs if job.worker == machine.worker]
    on_path = sum(evidence.on_path_ratio(job.job_id) for job in on_it) / len(on_it)
    prices = [price for job in on_it if (price := evidence.costs.usd_per_s.get(job.job_id)) is not None]
    extra_s = machine.extra_s / len(evidence.lately)
    usd = extra_s * sum(prices) / len(prices) * evidence.runs_per_month if prices else None
    return evidence.finding(
        FindingKind.SLOW_MACHINE,
        FindingSubject(None, None, machine.worker, machine.worker),
        numbers=(
            Measurement("time of a job over that on other machines", machine.ratio, "times"),
            Measurement("low end of it", machine.low, "times"),
            Measurement("high end of it", machine.high, "times"),
            Measurement("jobs compared", machine.jobs, "jobs"),
            Measurement("machines compared", machine.machines, "machines"),
            Measurement("time lost", machine.extra_s, "s"),
        ),
        effect=Effect(
            makespan_s=extra_s * on_path,
            usd_per_month=usd,
            how="what its jobs took longer, over all runs, for the part of the runs that wait for such jobs",
        ),
        confidence=Confidence.HIGH if machine.chance <= _SURE_CHANCE else Confidence.MEDIUM,
        advice=f"See what runs beside the jobs on {machine.worker}, or take it out of its pool: "
        f"they take {machine.ratio - 1:.0%} longer than on {machine.machines - 1} other machines.",
        seen=(evidence.lately[0], evidence.lately[-1]),
    )
