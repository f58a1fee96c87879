"""Whether a series drifts, how fast, and whether it did so in steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from math import erfc, log, sqrt

import numpy as np
import numpy.typing as npt

from makespan_analytics.change_points import ChangePoint
from makespan_analytics.change_points.robustness import Floats, autocorrelation, long_run_inflation, median

Times = npt.NDArray[np.int64]

FEWEST = 20
"""Values under which nothing is said: a drift of one deviation over ten is missed more often than not."""
SHORTEST_DAYS = 3.0
"""Under that, what looks like a drift is the hour of the day."""
SIGNIFICANCE = 0.01
"""Chance of calling a series without one drifting; every step of every pipeline is asked."""
MIN_EFFECT = 0.02
"""Relative change over the whole series under which nobody would act."""
_MOST_BLOCKS = 60
"""Longer series are looked at as medians of that many stretches: pairs grow with the square, and the median of a
stretch depends less on its neighbours than single runs do."""
_INTERVAL_Z = 1.6448536269514722
"""90 % of a normal law lie within so many deviations."""
_NS_PER_WEEK = 7 * 86_400 * 1e9
_LEAST_ERROR = 1e-9


class TrendKind(StrEnum):
    """How a series goes on."""

    LEVEL = "level"
    """No drift that could not be chance."""
    DRIFT = "drift"
    """It grows or falls little by little."""
    STEPS = "steps"
    """A few changes of level explain it better than a slope: see `makespan regressions`."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The direction of a series.

    Attributes:
        per_week: Slope, in the values' unit a week; `low` and `high` enclose it in 90 of 100 cases.
        relative_per_week: The slope over the median of all values; None where that is zero.
        chance: Of so clear a drift where there is none.
    """

    kind: TrendKind
    per_week: float
    low: float
    high: float
    relative_per_week: float | None
    chance: float


def trend(values: Floats, times_ns: Times, changes: Sequence[ChangePoint] = ()) -> Trend | None:
    """The drift of a series by ranks of its pairs, so that outliers do not matter.

    Slope: Theil (Nederl. Akad. Wetensch. Proc. 53, 1950), its interval: Sen (JASA 63, 1968). Test: Mann (Econometrica
    13, 1945) and Kendall, its variance increased for values that follow their neighbours (Yue and Wang, Water Resources
    Management 18, 2004). Slope or steps: Schwarz's criterion with errors of Laplace's law.

    Args:
        values: Without gaps.
        times_ns: Of the values, in order.
        changes: The series' change points, as `change_points.detect` gives them.

    Returns:
        None for fewer than `FEWEST` values or less than `SHORTEST_DAYS` days.
    """
    weeks = (times_ns - times_ns[0]) / _NS_PER_WEEK if len(times_ns) else np.empty(0)
    if len(values) < FEWEST or weeks[-1] * 7 < SHORTEST_DAYS:
        return None
    blocks = _block_medians(values), _block_medians(weeks)
    slope, low, high, chance = _theil_sen(*blocks)
    level = median(values)
    is_small = abs(slope) * float(weeks[-1]) < MIN_EFFECT * abs(level)
    kind = TrendKind.LEVEL
    # Steps first: around a slope they look like values that follow their neighbours, and then no slope is certain.
    if changes and _prefers_steps(values, weeks, slope, changes):
        kind = TrendKind.STEPS
    elif chance < SIGNIFICANCE and not is_small:
        kind = TrendKind.DRIFT
    return Trend(kind, slope, low, high, slope / level if level else None, chance)


def _block_medians(values: Floats) -> Floats:
    if len(values) <= _MOST_BLOCKS:
        return values
    borders = np.linspace(0, len(values), _MOST_BLOCKS + 1).astype(np.int64)
    return np.array([median(values[start:end]) for start, end in pairwise(borders)])


def _theil_sen(values: Floats, weeks: Floats) -> tuple[float, float, float, float]:
    """Slope, its interval, and the chance of so clear a drift."""
    earlier, later = _pairs(len(values))
    rise, run = values[later] - values[earlier], weeks[later] - weeks[earlier]
    is_apart = run > 0
    slopes = np.sort(rise[is_apart] / run[is_apart])
    slope = float(np.median(slopes))
    residuals = values - slope * weeks
    inflation = long_run_inflation(autocorrelation(residuals - residuals.mean(), 2))
    deviation = sqrt(_kendall_variance(values) * inflation)
    score = float(np.sign(rise[is_apart]).sum())
    # Continuity correction: the score moves in steps of two.
    z = max(abs(score) - 1.0, 0.0) / deviation if deviation else 0.0
    reach = _INTERVAL_Z * deviation
    last = len(slopes) - 1
    low = slopes[max(0, int((len(slopes) - reach) / 2))]
    high = slopes[min(last, int((len(slopes) + reach) / 2) + 1)]
    return slope, float(low), float(high), erfc(z / sqrt(2.0))


@lru_cache(maxsize=_MOST_BLOCKS)
def _pairs(count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Places of the earlier and the later of all pairs; making them takes longer than the slopes."""
    return np.triu_indices(count, 1)


def _kendall_variance(values: Floats) -> float:
    """Variance of Kendall's score without a drift, with ties."""
    n = len(values)
    ties = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float(n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18.0


def _prefers_steps(values: Floats, weeks: Floats, slope: float, changes: Sequence[ChangePoint]) -> bool:
    count = len(values)
    tilted = values - slope * weeks
    of_line = np.abs(tilted - np.median(tilted)).mean()
    borders = [0, *(change.index for change in changes), count]
    parts = [values[start:end] for start, end in pairwise(borders)]
    of_steps = sum(float(np.abs(part - np.median(part)).sum()) for part in parts) / count
    least = _LEAST_ERROR * max(float(np.abs(values).max()), _LEAST_ERROR)

    def criterion(error: float, parameters: int) -> float:
        return 2 * count * log(max(error, least)) + parameters * log(count)

    return criterion(of_steps, 2 * len(parts) - 1) < criterion(float(of_line), 2)
