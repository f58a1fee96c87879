"""Money spent on runs that did not help, by kind."""

from __future__ import annotations

from collections.abc import Iterable

from makespan_analytics.cost.waste import Waste, WasteKind
from makespan_analytics.findings.evidence import Evidence
from makespan_analytics.findings.finding import (
    MOST_RUN_IDS,
    Confidence,
    Effect,
    Finding,
    FindingKind,
    FindingSubject,
    Measurement,
)
from makespan_analytics.findings.too_large import LEAST_USD_PER_MONTH

_LEAST_SHARE_RATIO = 0.05
"""One dollar in twenty: less is lost in the rounding of bills."""
_LEAST_FAILED_RATIO = 0.2
"""Failures are what CI is for; from a fifth of the money on it is worth asking whether they could fail sooner."""
_FEWEST_JOBS = 5
_ADVICE = {
    WasteKind.SUPERSEDED: "Cancel runs of a pull request when a newer commit of it arrives.",
    WasteKind.CANCELLED: "See why jobs are cancelled by hand; cancel superseded runs as soon as they are.",
    WasteKind.RERUN: "Mend what makes people run jobs again: a first attempt should be enough.",
    WasteKind.FAILED: "Let the quickest checks run first and stop the rest when they fail: failures are dear here.",
    WasteKind.REPEATED_SETUP: "Do the set-up once: the same steps make several jobs ready; cache or share it.",
    WasteKind.IDLE_CPU: "Use the cores that are paid for: run steps side by side, or ask for smaller runners.",
}
_CONFIDENCE = {
    WasteKind.SUPERSEDED: Confidence.HIGH,
    WasteKind.RERUN: Confidence.HIGH,
    WasteKind.CANCELLED: Confidence.MEDIUM,
    WasteKind.REPEATED_SETUP: Confidence.MEDIUM,
    # Whether it could have been avoided at all is not known.
    WasteKind.IDLE_CPU: Confidence.LOW,
    WasteKind.FAILED: Confidence.LOW,
}


def find(evidence: Evidence) -> Iterable[Finding]:
    """A finding for every kind of waste that is a large enough part of the cost."""
    for waste in evidence.costs.waste:
        least = _LEAST_FAILED_RATIO if waste.kind is WasteKind.FAILED else _LEAST_SHARE_RATIO
        usd_per_month = waste.usd / evidence.costs.runs * evidence.runs_per_month
        if waste.share_ratio >= least and waste.jobs >= _FEWEST_JOBS and usd_per_month >= LEAST_USD_PER_MONTH:
            yield _finding(evidence, waste, usd_per_month)


def _finding(evidence: Evidence, waste: Waste, usd_per_month: float) -> Finding:
    return evidence.finding(
        FindingKind.WASTE,
        FindingSubject(None, None, waste.kind.value, waste.kind.value),
        numbers=(
            Measurement("cost", waste.usd, "usd", waste.run_ids[:MOST_RUN_IDS]),
            Measurement("part of the whole cost", waste.share_ratio, "ratio"),
            Measurement("jobs", waste.jobs, "jobs"),
        ),
        effect=Effect(None, usd_per_month, "list prices of these jobs, at the pace of the last month"),
        seen=(evidence.lately[0], evidence.lately[-1]),
        confidence=_CONFIDENCE[waste.kind],
        advice=_ADVICE[waste.kind],
    )
