"""Quantiles of a series with intervals that assume no law of its values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

Floats = npt.NDArray[np.float64]

PROBABILITIES = (0.1, 0.5, 0.9, 0.95)
COVERAGE = 0.9
"""Of the intervals, at least."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Quantile:
    """One quantile.

    Attributes:
        probability: Which one.
        value: The estimate, in the unit of the values.
        low: Lower end of its interval; None where too few values lie below it to give one.
        high: Upper end, likewise.
    """

    probability: float
    value: float
    low: float | None
    high: float | None


def quantiles(values: Floats, probabilities: tuple[float, ...] = PROBABILITIES) -> tuple[Quantile, ...]:
    """Quantiles with `COVERAGE` intervals.

    The estimates are median-unbiased whatever the law (definition 8 of Hyndman and Fan, The American Statistician 50,
    1996). The intervals are between two order statistics: how many values lie below a quantile is binomial (David and
    Nagaraja, Order Statistics, 2003, section 7.1). They hold for values that do not depend on each other.

    Args:
        values: At least one, none of them NaN.
        probabilities: Each within (0, 1).

    Raises:
        ValueError: No value.
    """
    if not len(values):
        raise ValueError("a quantile needs at least one value")
    ordered = np.sort(values)
    found = []
    for probability in probabilities:
        low, high = ranks(len(ordered), probability)
        found.append(
            Quantile(
                probability=probability,
                value=_interpolated(ordered, probability),
                low=None if low is None else float(ordered[low]),
                high=None if high is None else float(ordered[high]),
            )
        )
    return tuple(found)


@lru_cache(maxsize=4096)
def ranks(count: int, probability: float) -> tuple[int | None, int | None]:
    """0-based ranks between which a quantile of `count` values lies; None where no value is far enough out."""
    # The chance that at most k values lie below the quantile, for k from 0 to count.
    at_most = bdtr(np.arange(count + 1, dtype=np.float64), count, probability)
    tail = (1.0 - COVERAGE) / 2.0 + _ROUNDING
    # The value of rank r (from 0) is above the quantile when at most r values lie below it.
    low = int(np.searchsorted(at_most, tail, "right")) - 1
    high = int(np.searchsorted(at_most, 1.0 - tail, "left"))
    return (low if low >= 0 else None), (high if high < count else None)


def _interpolated(ordered: Floats, probability: float) -> float:
    place = probability * (len(ordered) + 1.0 / 3.0) - 2.0 / 3.0
    lower = int(np.clip(np.floor(place), 0, len(ordered) - 1))
    upper = min(lower + 1, len(ordered) - 1)
    part = min(max(place - lower, 0.0), 1.0)
    # Rounding may lead out of the two.
    return float(min(ordered[lower] + part * (ordered[upper] - ordered[lower]), ordered[upper]))
