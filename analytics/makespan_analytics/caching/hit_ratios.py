"""How often caches are found, with intervals, and whether that changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
from scipy.special import betaincinv

from makespan_analytics.caching.restores import Restore
from makespan_model.records import CacheOutcome

FEWEST_FOR_TREND = 20
"""Restores under which nothing is said of a trend: of twenty, ratios of a half and of one are told apart."""
_COVERAGE = 0.9


@dataclass(frozen=True, slots=True)
class Ratio:
    """A part of a number of restores; `low` and `high` enclose what is behind it in 90 of 100 cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class HitCounts:
    """How often each outcome was seen."""

    hits: int
    partials: int
    misses: int

    @property
    def restores(self) -> int:
        """All of them."""
        return self.hits + self.partials + self.misses

    def ratio(self, outcome: CacheOutcome) -> Ratio:
        """The part with an outcome, with Jeffreys' interval (Brown, Cai and DasGupta, Statistical Science 16, 2001).

        Raises:
            ValueError: There was no restore.
        """
        count = {CacheOutcome.HIT: self.hits, CacheOutcome.PARTIAL: self.partials, CacheOutcome.MISS: self.misses}
        return _jeffreys(count[outcome], self.restores)


@dataclass(frozen=True, slots=True)
class HitTrend:
    """Whether hits became rarer or more frequent.

    Attributes:
        earlier_ratio: Of the first half of the restores.
        later_ratio: Of the second half.
        chance: Of so clear a trend where there is none.
    """

    earlier_ratio: float
    later_ratio: float
    chance: float


def count_outcomes(restores: Sequence[Restore]) -> HitCounts:
    """Count outcomes."""
    found = [one.outcome for one in restores]
    return HitCounts(*(found.count(outcome) for outcome in (CacheOutcome.HIT, CacheOutcome.PARTIAL, CacheOutcome.MISS)))


def hit_trend(restores: Sequence[Restore]) -> HitTrend | None:
    """Test for a trend of hits over time (Cochran, Biometrics 10, 1954; Armitage, Biometrics 11, 1955).

    Args:
        restores: In order of time.

    Returns:
        None for fewer than `FEWEST_FOR_TREND`.
    """
    if len(restores) < FEWEST_FOR_TREND:
        return None
    is_hit = np.array([one.outcome is CacheOutcome.HIT for one in restores], dtype=np.float64)
    times = np.array([one.start_ns - restores[0].start_ns for one in restores], dtype=np.float64)
    times -= times.mean()
    ratio = float(is_hit.mean())
    deviation = sqrt(ratio * (1.0 - ratio) * float(times @ times))
    z = float(times @ (is_hit - ratio)) / deviation if deviation else 0.0
    half = len(is_hit) // 2
    return HitTrend(float(is_hit[:half].mean()), float(is_hit[half:].mean()), erfc(abs(z) / sqrt(2.0)))


def _jeffreys(count: int, total: int) -> Ratio:
    if not total:
        raise ValueError("a ratio needs at least one restore")
    tail = (1.0 - _COVERAGE) / 2.0
    # At the ends the interval is closed, or it would never hold a ratio of 0 or 1.
    low = 0.0 if count == 0 else float(betaincinv(count + 0.5, total - count + 0.5, tail))
    high = 1.0 if count == total else float(betaincinv(count + 0.5, total - count + 0.5, 1.0 - tail))
    return Ratio(count / total, low, high)
