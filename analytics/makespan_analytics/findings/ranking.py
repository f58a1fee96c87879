"""Which finding comes first: the one whose repair would give most, in people's time and in money."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from makespan_analytics.cost.waste import WasteKind
from makespan_analytics.findings.finding import Confidence, Finding, FindingKind

WAITING_USD_PER_HOUR = 32.0
"""What an hour of waiting for a pipeline counts as, for ranking alone: half of the 64 USD that an hour of a software
developer is paid with (133,080 USD a year in the median: US Bureau of Labor Statistics, Occupational Outlook Handbook,
May 2024, over 2,080 hours), as one does something else meanwhile, and not as well."""
_TRUST = {Confidence.HIGH: 1.0, Confidence.MEDIUM: 0.7, Confidence.LOW: 0.3}
"""What a gain counts for when it is not sure."""


def worth_usd_per_month(finding: Finding, runs_per_month: float) -> float:
    """What repairing it would give, waiting turned into money; for comparing, not for accounting."""
    waited_h = (finding.effect.makespan_s or 0.0) * runs_per_month / 3600
    return _TRUST[finding.confidence] * (waited_h * WAITING_USD_PER_HOUR + (finding.effect.usd_per_month or 0.0))


def without_repeats(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without those that say less well what another one says.

    Cores that are idle because the runner is too large are the too large runner.
    """
    found = list(findings)
    has_size = any(one.kind is FindingKind.TOO_LARGE for one in found)
    return [
        one
        for one in found
        if not (has_size and one.kind is FindingKind.WASTE and one.subject.key == WasteKind.IDLE_CPU)
    ]


def ranked(findings: Iterable[Finding], runs_per_month: float) -> tuple[Finding, ...]:
    """The findings, each id once, the one that is worth most first; equal ones in order of kind and id.

    Raises:
        ValueError: An effect that is no number.
    """
    once = {one.finding_id: one for one in findings}
    worth = {key: worth_usd_per_month(one, runs_per_month) for key, one in once.items()}
    broken = next((key for key, value in worth.items() if not isfinite(value)), None)
    if broken is not None:
        raise ValueError(f"finding {broken} has an effect that is no number: {once[broken].effect}")
    return tuple(sorted(once.values(), key=lambda one: (-worth[one.finding_id], one.kind, one.finding_id)))
