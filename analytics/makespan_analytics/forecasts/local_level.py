"""Series whose level wanders and perhaps drifts: what the sum of the next values will be.

The local level model with a drift (Durbin and Koopman, Time Series Analysis by State Space Methods, 2012, chapters 2
and 3): a value is a level and noise; each time the level moves by the drift and a random step. How large steps are is
hardly known from some weeks, so that no one size is chosen: forecasts of many are averaged by how well each explains
the past. The drift begins as probably small: a slope fitted to a level that wanders looks certain, and leads far off.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from makespan_analytics.change_points.robustness import Floats

FEWEST = 3
_STEP_RATIOS = (0.0, *np.geomspace(1e-3, 4.0, 14).tolist())
"""Variance of the level's steps over that of the noise: from a level that stays to one that is nearly all there is."""
_LEAST_RATIO = 1e-9
"""Of the mean: what scatters less is taken to scatter so much."""


@dataclass(frozen=True, slots=True)
class SumAhead:
    """A sum of values to come.

    Attributes:
        level: Where the series is now.
        drift: What it gains each time.
        drift_deviation: Standard deviation of what is known of the drift.
        expected: The sum.
        deviation: Its standard deviation.
    """

    level: float
    drift: float
    drift_deviation: float
    expected: float
    deviation: float


def sum_ahead(values: Floats, steps: float, usual_drift_ratio: float) -> SumAhead:
    """Forecast the sum of the next values.

    Args:
        values: At least `FEWEST`, oldest first.
        steps: How many to come; may be broken.
        usual_drift_ratio: Standard deviation of drifts to be expected before any value is seen, over the mean.

    Raises:
        ValueError: Too few values.
    """
    if len(values) < FEWEST:
        raise ValueError(f"a level that wanders is told from {FEWEST} values on")
    usual = usual_drift_ratio * float(np.abs(values).mean())
    found = [_filtered(values, ratio, usual) for ratio in _STEP_RATIOS]
    likelihoods = np.array([one.likelihood for one in found])
    weights = np.exp(likelihoods - likelihoods.max())
    weights /= weights.sum()
    levels, drifts = np.array([one.level for one in found]), np.array([one.drift for one in found])
    # The n-th value to come is n drifts above the level.
    gains = steps * (steps + 1.0) / 2.0
    sums = steps * levels + gains * drifts
    expected, drift = float(weights @ sums), float(weights @ drifts)
    variances = np.array([one.variance(steps, gains) for one in found])
    drift_variances = np.array([one.noise * one.drift_error for one in found])
    return SumAhead(
        level=float(weights @ levels),
        drift=drift,
        drift_deviation=sqrt(float(weights @ (drift_variances + (drifts - drift) ** 2))),
        expected=expected,
        deviation=sqrt(float(weights @ (variances + (sums - expected) ** 2))),
    )


@dataclass(frozen=True, slots=True)
class _Filtered:
    """Where one size of step leads; variances and the covariance of errors are in units of the noise's."""

    ratio: float
    noise: float
    level: float
    drift: float
    level_error: float
    joint_error: float
    drift_error: float
    likelihood: float

    def variance(self, steps: float, gains: float) -> float:
        """Of the sum: noise of every value, errors of level and drift, and steps of the level, each in all after it."""
        errors = steps**2 * self.level_error + 2 * steps * gains * self.joint_error + gains**2 * self.drift_error
        return self.noise * (steps + errors + self.ratio * steps**3 / 3.0)


def _filtered(values: Floats, ratio: float, usual_drift: float) -> _Filtered:
    """The Kalman filter, started at the first value; the noise's variance is concentrated out of the likelihood."""
    least = (_LEAST_RATIO * max(float(np.abs(values).mean()), _LEAST_RATIO)) ** 2
    # Differences of neighbours have twice the variance of the noise, and that of a step.
    noise = max(float((np.diff(values) ** 2).mean()) / (2.0 + ratio), least)
    level, drift = float(values[0]), 0.0
    level_error, joint_error, drift_error = 1.0, 0.0, usual_drift**2 / noise
    squares = penalty = 0.0
    for value in values[1:].tolist():
        level += drift
        level_error += 2.0 * joint_error + drift_error + ratio
        joint_error += drift_error
        spread, surprise = level_error + 1.0, value - level
        squares += surprise * surprise / spread
        penalty += log(spread)
        level += level_error / spread * surprise
        drift += joint_error / spread * surprise
        drift_error -= joint_error * joint_error / spread
        joint_error /= spread
        level_error /= spread
    count = len(values) - 1
    noise = max(squares / count, least)
    likelihood = -0.5 * (penalty + count * log(noise))
    return _Filtered(ratio, noise, level, drift, level_error, joint_error, drift_error, likelihood)
