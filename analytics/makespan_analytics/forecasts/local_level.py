"""Series whose level wanders: what the sum of the next values will be.

The local level model of Durbin and Koopman (Time Series Analysis by State Space Methods, 2012, chapter 2): a value is
a level and noise, and the level takes a random step each time. How large the steps are is hardly known from some weeks,
so that no one size is chosen: forecasts of many are averaged by how well each explains the past.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from makespan_analytics.change_points.robustness import Floats

_STEP_RATIOS = (0.0, *np.geomspace(1e-3, 4.0, 14).tolist())
"""Variance of the level's steps over that of the noise: from a level that stays to one that is nearly all there is."""
_LEAST_SQUARE = 1e-300


@dataclass(frozen=True, slots=True)
class SumAhead:
    """A sum of values to come.

    Attributes:
        level: Where the series is now.
        expected: The sum.
        deviation: Its standard deviation.
    """

    level: float
    expected: float
    deviation: float


def sum_ahead(values: Floats, steps: float) -> SumAhead:
    """Forecast the sum of the next values.

    Args:
        values: At least three, oldest first.
        steps: How many to come; may be broken.

    Raises:
        ValueError: Fewer than three values.
    """
    if len(values) < 3:
        raise ValueError("a level that wanders is told from three values on")
    filtered = [_filtered(values, ratio) for ratio in _STEP_RATIOS]
    likelihoods = np.array([one.likelihood for one in filtered])
    weights = np.exp(likelihoods - likelihoods.max())
    weights /= weights.sum()
    levels = np.array([one.level for one in filtered])
    # Of the sum: noise of every value, the error of the level in each, and the level's steps, each in all after it.
    variances = np.array(
        [
            one.noise * (steps + steps**2 * one.error + ratio * steps**3 / 3.0)
            for one, ratio in zip(filtered, _STEP_RATIOS, strict=True)
        ]
    )
    level = float(weights @ levels)
    variance = float(weights @ (variances + (steps * (levels - level)) ** 2))
    return SumAhead(level, steps * level, sqrt(variance))


@dataclass(frozen=True, slots=True)
class _Filtered:
    """Where one size of step leads: level, variance of its error in units of the noise's, that, and the likelihood."""

    level: float
    error: float
    noise: float
    likelihood: float


def _filtered(values: Floats, ratio: float) -> _Filtered:
    """The Kalman filter of a local level, started at the first value; the noise's variance is concentrated out."""
    level, error = float(values[0]), 1.0
    squares = penalty = 0.0
    for value in values[1:].tolist():
        error += ratio
        surprise = value - level
        squares += surprise * surprise / (error + 1.0)
        penalty += log(error + 1.0)
        level += error / (error + 1.0) * surprise
        error /= error + 1.0
    count = len(values) - 1
    likelihood = -0.5 * (penalty + count * log(max(squares, _LEAST_SQUARE)))
    return _Filtered(level, error, squares / count, likelihood)
