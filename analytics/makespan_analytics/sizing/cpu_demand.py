"""How many cores a step can use, from its samples, and how much longer it takes with fewer.

CPU is given back, memory is not: with too few cores a step is slow, not dead. So the advice is a quantile over time of
the demand, of the last runs rather than of all: demand changes with the code, and a run brings hundreds of readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from makespan_analytics.sizing.level_changes import Floats

TIME_QUANTILE = 0.95
"""The part of the time in which the cores suffice: what Robusta KRR takes as well (simple strategy, CPU p95)."""
_ENOUGH_READINGS = 200
"""Readings in which the weight of the past halves: a p95 of 200 has a standard error of 1.5 points. With long steps
that is the last run alone, with steps of a few seconds many runs."""
MOST_RUNS = 100
"""Older runs are not looked at: with two readings a run their weight has halved by then."""
_FEWEST_SAMPLED = 3
_LEAST_CORES = 0.01
_SATURATED_RATIO = 0.95


@dataclass(frozen=True, slots=True)
class Demand:
    """Cores one run used over time.

    Attributes:
        cores: Demand in each stretch of time.
        seconds: Length of each stretch.
        sampled: Whether the curve comes from samples; otherwise it is the flat mean of the CPU total.
    """

    cores: Floats = field(repr=False)
    seconds: Floats = field(repr=False)
    sampled: bool = True

    @property
    def total_s(self) -> float:
        """Length of all of them."""
        # A sum of one number costs ten times as much as the number.
        return float(self.seconds[0] if len(self.seconds) == 1 else self.seconds.sum())


@dataclass(frozen=True, slots=True)
class CpuSize:
    """An advised number of cores.

    Attributes:
        cores: What to ask for.
        usual_cores: Mean demand.
        slowdown_ratio: How much longer a run takes with `cores` than with as many as it could use.
        runs: Runs the advice rests on.
        sampled_runs: Those of them with samples. Others count by their mean, which hides peaks.
        saturated: The demand came to the end of what was offered: it may be higher.
    """

    cores: float
    usual_cores: float
    slowdown_ratio: float
    runs: int
    sampled_runs: int
    saturated: bool


def cpu_size(demands: Sequence[Demand], *, offered_cores: float | None = None) -> CpuSize | None:
    """Cores for the next runs; None when no run is known.

    Args:
        demands: The oldest first.
        offered_cores: What the last runs could use; None when unknown.
    """
    recent = _recent(demands)
    if not recent:
        return None
    cores, weights = _pooled(recent)
    order = np.argsort(cores, kind="stable")
    share = np.cumsum(weights[order])
    place = min(int(np.searchsorted(share, TIME_QUANTILE * share[-1])), len(cores) - 1)
    advised = max(float(cores[order][place]), _LEAST_CORES)
    return CpuSize(
        cores=advised,
        usual_cores=float(cores @ weights / share[-1]),
        slowdown_ratio=_slowdown(cores, weights, advised),
        runs=len(recent),
        sampled_runs=sum(demand.sampled for demand in recent),
        saturated=offered_cores is not None and advised >= _SATURATED_RATIO * offered_cores,
    )


def slowdown_ratios(demands: Sequence[Demand], cores: Sequence[float]) -> list[float]:
    """How much longer runs take on each number of cores, when work that finds no core waits and none is lost.

    Raises:
        ValueError: No cores, or no demand.
    """
    recent = _recent(demands)
    if min(cores, default=1.0) <= 0 or not recent:
        raise ValueError("a slowdown needs demand, and cores to put it on")
    pooled = _pooled(recent)
    return [_slowdown(*pooled, available) for available in cores]


def _recent(demands: Sequence[Demand]) -> list[Demand]:
    """The newest runs; those with samples alone where there are some, as a mean would water their peaks down."""
    found = [demand for demand in demands if demand.total_s > 0]
    sampled = [demand for demand in found if demand.sampled]
    return (sampled if len(sampled) >= _FEWEST_SAMPLED else found)[-MOST_RUNS:]


def _pooled(demands: Sequence[Demand]) -> tuple[Floats, Floats]:
    usual = float(median(len(demand.cores) for demand in demands))
    half_life_runs = max(1.0, _ENOUGH_READINGS / max(usual, 1.0))
    ages = range(len(demands) - 1, -1, -1)
    # Every run counts alike however long it was: what is asked for is the next run.
    counts = [len(demand.cores) for demand in demands]
    seconds = np.concatenate([demand.seconds for demand in demands])
    totals_s = np.repeat([demand.total_s for demand in demands], counts)
    weights: Floats = np.repeat([0.5 ** (age / half_life_runs) for age in ages], counts) * seconds / totals_s
    return np.concatenate([demand.cores for demand in demands]), weights


def _slowdown(cores: Floats, weights: Floats, available: float) -> float:
    held_back = np.maximum(cores - available, 0.0) @ weights
    return float(held_back / available / weights.sum())
