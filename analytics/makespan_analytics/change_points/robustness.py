"""Noise and outliers of a series whose level may change: both are measured without knowing where."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

Floats = npt.NDArray[np.float64]

WINDOW = 9
"""Points of the running median: an excursion of up to four is an outlier, one of five and more a level."""
_NORMAL_MAD = 1.4826
"""Standard deviation of a normal law over its median absolute deviation (Hampel, JASA 69, 1974)."""
_CLIP = 3.5
"""Deviations from the running median beyond so many standard deviations are cut to it (Iglewicz and Hoaglin, How to
Detect and Handle Outliers, 1993)."""
_TIE_RATIO = 1e-9


def noise_level(values: Floats) -> float:
    """Standard deviation around the level, from first differences, in which a change of level is one of many.

    Half of equal neighbours (coarse clocks, constant series with a few changes) make the median zero; then the mean
    stands in, which overrates the noise rather than find changes in rounding.
    """
    steps = np.abs(np.diff(values))
    level = _NORMAL_MAD * median(steps) / np.sqrt(2)
    if level == 0.0:
        level = float(np.mean(steps)) * np.sqrt(np.pi) / 2
    return level or _TIE_RATIO * max(1.0, abs(median(values)))


def median(values: Floats) -> float:
    """The median; `numpy.median` takes ten times as long on some hundred values, most of it for arguments."""
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    parted = np.partition(values, (middle - 1, middle))
    return float(parted[middle - 1] + parted[middle]) / 2.0


def without_outliers(values: Floats, noise: float) -> Floats:
    """The series with every outlier moved to the border of what is usual around it."""
    usual = running_median(values)
    clipped: Floats = np.clip(values, usual - _CLIP * noise, usual + _CLIP * noise)
    return clipped


def running_median(values: Floats) -> Floats:
    """Median of `WINDOW` points around each; the ends are repeated."""
    medians: Floats = median_filter(values, size=WINDOW, mode="nearest")
    return medians


def long_run_deviation(residuals: Floats, levels: int) -> float:
    """Standard deviation that the mean of neighbours behaves as if it had.

    Of a first-order autoregression with coefficient r, means scatter as those of independent values that are
    sqrt((1 + r) / (1 - r)) times as wide (Priestley, Spectral Analysis and Time Series, 1981, section 5.3.2). The
    estimate of r is corrected for the bias that fitting `levels` means gives it, (1 + 3 r) / n each (Kendall,
    Biometrika 41, 1954).
    """
    count = len(residuals)
    square = float(residuals @ residuals)
    if square == 0.0:
        return 0.0
    deviation = np.sqrt(square / max(1, count - levels))
    correlation = float(residuals[1:] @ residuals[:-1]) / square
    correlation += (1.0 + 3.0 * correlation) / count * levels
    # Under 0.95 a level of some points is still told from a random walk; negative ones would find changes in noise.
    correlation = min(max(correlation, 0.0), 0.95)
    return float(deviation * np.sqrt((1.0 + correlation) / (1.0 - correlation)))
