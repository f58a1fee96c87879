"""Everything that makes findings of what the analyses say, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from makespan_analytics.findings import (
    bottlenecks,
    caching,
    drifts,
    flakiness,
    queueing,
    regressions,
    slow_machines,
    too_large,
    too_small,
    waste,
)
from makespan_analytics.findings.evidence import Evidence
from makespan_analytics.findings.finding import Finding

Producer = Callable[[Evidence], Iterable[Finding]]

PRODUCERS: tuple[Producer, ...] = (
    bottlenecks.find,
    regressions.find,
    drifts.find,
    slow_machines.find,
    queueing.find,
    flakiness.find,
    too_small.find,
    too_large.find,
    caching.find,
    waste.find,
)
