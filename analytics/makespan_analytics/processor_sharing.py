"""Steps that share the CPUs of one machine: by how much each slows down.

A fluid model: while the running steps ask for more CPU than there is, each one's computing part takes longer by
the same factor and its waiting part does not (processor sharing, Kleinrock, Queueing Systems vol. 2,
section 4.4); the factor is the one at which exactly the CPUs there are get used.
"""

from __future__ import annotations

from collections.abc import Sequence

_BISECTIONS = 50  # halves the error below that of a float


def stretches(demands_cores: Sequence[float], cores: float | None) -> list[float]:
    """By how much each of the running steps takes longer than alone.

    Args:
        demands_cores: CPU seconds per second of wall time of each step that has the machine to itself.
        cores: CPUs they share; None when each step has its own.
    """
    factor = _crowding(demands_cores, cores)
    return [_stretch(demand, factor) for demand in demands_cores]


def _stretch(demand_cores: float, crowding: float) -> float:
    """By how much a step takes longer when its computing part takes `crowding` times as long."""
    computing = min(1.0, demand_cores)
    return 1.0 - computing + computing * crowding


def _crowding(demands: Sequence[float], cores: float | None) -> float:
    """The factor, 1 or more, at which the steps together use no more than the cores; found by bisection."""

    def used(factor: float) -> float:
        return sum(demand / _stretch(demand, factor) for demand in demands)

    if cores is None or used(1.0) <= cores:
        return 1.0
    low, high = 1.0, 2.0
    while used(high) > cores:
        low, high = high, high * 2
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if used(middle) > cores else (low, middle)
    return high
