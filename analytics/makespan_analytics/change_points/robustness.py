"""Noise and outliers of series whose levels may change: both are measured without knowing where.

Series of one length are looked at together, one in each row: most have no change, and alone each would cost more in
calls than in arithmetic.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

Floats = npt.NDArray[np.float64]

WINDOW = 9
"""Points of the running median: an excursion of up to four is an outlier, one of five and more a level."""
_SCALE_QUANTILE = 0.8
"""Of the first differences. An outlier spoils two of them, so that one value in ten may be one. With the median, one in
four might, but a series of two modes (caches warm and cold, three to one) would count as quiet with many outliers, and
chance clusters of its second mode as levels."""
_NORMAL_QUANTILE = 1.2815515655446004 * np.sqrt(2.0)
"""The same quantile of the absolute difference of two standard normal values: 80 % lie within 1.28 deviations."""
_CLIP = 3.5
"""Deviations from the running median beyond so many standard deviations are cut to it (Iglewicz and Hoaglin, How to
Detect and Handle Outliers, 1993)."""
_FINEST = 1e-9
"""Of the range: it keeps the squares of values in units of the noise exact enough."""
_ROUNDING = 1e-12
"""Of the values: what is less comes from sums of them in doubles."""


def noise_levels(rows: Floats) -> Floats:
    """Standard deviation around the level of each row, from first differences, where a change of level is one of many.

    Rows in which four neighbours of five are equal (coarse clocks, constant series with a few changes) would have none;
    then the mean stands in, which overrates the noise rather than find changes in rounding. Only zeros have zero.
    """
    steps = np.abs(np.diff(rows, axis=1))
    rank = min(steps.shape[1] - 1, int(_SCALE_QUANTILE * steps.shape[1]))
    levels = np.partition(steps, rank, axis=1)[:, rank] / _NORMAL_QUANTILE
    still = np.flatnonzero(levels == 0.0)
    if len(still):
        levels[still] = steps[still].mean(axis=1) * np.sqrt(np.pi) / 2
    highest, lowest = rows.max(axis=1), rows.min(axis=1)
    least = np.maximum(_FINEST * (highest - lowest), _ROUNDING * np.maximum(np.abs(highest), np.abs(lowest)))
    found: Floats = np.maximum(levels, least)
    return found


def without_outliers(rows: Floats, noise: Floats) -> Floats:
    """Rows with every outlier moved to the border of what is usual around it."""
    usual = running_medians(rows)
    reach = _CLIP * noise[:, np.newaxis]
    clipped: Floats = np.clip(rows, usual - reach, usual + reach)
    return clipped


def running_medians(rows: Floats) -> Floats:
    """Median of `WINDOW` points around each; what is beyond the ends mirrors what is before them.

    Repeating the ends would let an outlier at one, such as the newest run, have most of its own window.
    """
    half = WINDOW // 2
    # One long series: the filter for one dimension takes a fraction of the time of the one for two.
    padded = np.concatenate((rows[:, half:0:-1], rows, rows[:, -2 : -half - 2 : -1]), axis=1)
    medians: Floats = median_filter(padded.ravel(), size=WINDOW).reshape(padded.shape)[:, half:-half]
    return medians


def median(values: Floats) -> float:
    """The median; `numpy.median` takes ten times as long on some hundred values, most of it for arguments."""
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    parted = np.partition(values, (middle - 1, middle))
    return float(parted[middle - 1]) / 2.0 + float(parted[middle]) / 2.0


def autocorrelation(residuals: Floats, levels: int) -> float:
    """Coefficient of a first-order autoregression of what is left around fitted levels, in [0, 0.95].

    The estimate is corrected for the bias that fitting `levels` means gives it, (1 + 3 r) / n each (Kendall, Biometrika
    41, 1954).
    """
    square = float(residuals @ residuals)
    if square == 0.0:
        return 0.0
    found = float(residuals[1:] @ residuals[:-1]) / square
    found += (1.0 + 3.0 * found) / len(residuals) * levels
    # Under 0.95 a level of some points is still told from a random walk; negative ones would find changes in noise.
    return min(max(found, 0.0), 0.95)


def long_run_inflation(correlation: float) -> float:
    """How many times as many values are needed for a mean as certain as that of independent ones.

    (1 + r) / (1 - r) for a first-order autoregression (Priestley, Spectral Analysis and Time Series, 1981, section
    5.3.2).
    """
    return (1.0 + correlation) / (1.0 - correlation)
