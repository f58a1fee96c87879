"""The probability that the next run needs more memory than a size, from the peaks of the runs so far.

Three ways for the next peak to exceed a size, and what is known about each without assuming a law for the peaks:

* The next run is like the ones before. Below the largest peak x_(n) the order statistics say it: the probability to
  exceed x_(j) has the law Beta(n - j + 1, j) whatever the law of the peaks (Wilks, Ann. Math. Statist. 12, 1941), with
  mean (n - j + 1) / (n + 1). For n = 12 the largest peak so far is exceeded once in 13 runs: an honest answer for
  short histories, where an empirical quantile would say never.
* It is larger than all of them. Beyond x_(n) the excess falls off exponentially (a generalised Pareto tail of shape
  0, which holds for every law in the Gumbel domain; Pickands, Ann. Statist. 3, 1975). Its scale is the median of the
  normalised spacings j (x_(n-j+1) - x_(n-j)) over ln 2: they are independent exponentials by Renyi's representation
  (Acta Math. Hung. 4, 1953), and the median is not moved by the one wide gap between two modes.
* The level changes first. A level that lasted n runs changes within the next h with probability h / (n + h) (Laplace's
  rule of succession), half of the changes go up, by a ratio with an exponential law.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import log

import numpy as np
from scipy.special import betaincinv, gammaincinv

from makespan_analytics.sizing.level_changes import Floats, current_level, upward_slope

HORIZON_RUNS = 10
"""How many runs a size should hold for: it is looked at again after a week or two, not after every run."""
SHIFT_SCALE = 0.06
"""Mean relative growth at a change of level upwards. Small on purpose: a faulty change that triples the memory cannot
be provided for, the usual growth of a code base can."""
_KNOWN_SHIFTS = 3.0
_TAIL_VALUES = 10
"""Spacings that the scale is taken from: the tail's own, and enough for a median."""
_LEAST_SCALE_RATIO = 0.005
"""Peaks are read in pages and by sampling: differences below half a percent are not the command's."""
_FEW_RUNS = 10
_MOST_RUNS = 400
"""The newest runs of a level that are looked at; the risk of the largest of 400 is 0.25 % already."""
_INTERVAL = (0.05, 0.95)
_GRID = (np.arange(15) + 0.5) / 15
"""Quantiles that stand for a law: their middle one is the median, the outermost 3.3 % and 96.7 %."""


@dataclass(frozen=True, slots=True)
class PeakRisk:
    """What is known of the next peak.

    Attributes:
        peaks: Peaks of the current level in bytes, ascending, moved along the trend to the end of the horizon.
        weights_s: Seconds each of them lasted.
        level_runs: Runs since the last change of level; may be more than there are `peaks`.
        tail_scale: Mean excess over the largest peak, in bytes.
        spacings: How many spacings that scale was taken from.
        growth_per_run: Bytes a run by which peaks grow; 0 without a sure trend.
    """

    peaks: Floats = field(repr=False)
    weights_s: Floats = field(repr=False)
    level_runs: int
    tail_scale: float
    spacings: int
    growth_per_run: float

    @property
    def shift_probability(self) -> float:
        """Probability that a run within the horizon comes after a change of level upwards."""
        # Over the horizon the change comes after half of it on average, and half of all changes go up.
        return 0.25 * HORIZON_RUNS / (self.level_runs + HORIZON_RUNS)

    def exceeding(self, sizes: Floats) -> Floats:
        """Probability that the next run needs more than each of `sizes` (bytes)."""
        n, largest = len(self.peaks), self.peaks[-1]
        over = np.maximum(sizes - largest, 0.0)
        below = 1 - np.searchsorted(self.peaks, sizes, "right") / (n + 1)
        alike = np.where(sizes >= largest, np.exp(-over / self.tail_scale) / (n + 1), below)
        shifted = np.maximum(alike, (1 + over / largest) ** (-1 / SHIFT_SCALE))
        q = self.shift_probability
        risk: Floats = (1 - q) * alike + q * shifted
        return risk

    def at(self, size: float) -> float:
        """Probability that the next run needs more than `size` bytes."""
        return float(self.exceeding(np.array([size]))[0])

    def interval(self, size: float) -> tuple[float, float]:
        """90 % interval of that probability: how little n runs can tell, and how little a tail's few spacings can.

        The exceedance probability of an order statistic is Beta distributed; a scale over its estimate has the inverse
        of a Gamma law of as many spacings; the rate of level changes after n runs without one has the law
        Beta(1, n + 1), and their size is known as if from `_KNOWN_SHIFTS` of them.
        """
        n, largest = len(self.peaks), float(self.peaks[-1])
        grid = _GRID
        rate = betaincinv(1, self.level_runs + 1, grid)
        q = 0.5 * (1 - (1 - rate) ** (HORIZON_RUNS / 2))[:, None, None, None]
        j = min(int(np.searchsorted(self.peaks, size, "right")), n)
        if not j:
            return 1.0, 1.0  # Every run so far needed more.
        alike = betaincinv(n - min(j, n - 1), j, grid)[:, None, None]
        shifted = alike
        if size >= largest:
            scale = self.tail_scale * self.spacings / _gamma_quantiles(self.spacings)[:, None]
            alike = alike * np.exp(-(size - largest) / scale)
            growth = SHIFT_SCALE * _KNOWN_SHIFTS / _gamma_quantiles(_KNOWN_SHIFTS)
            shifted = (size / largest) ** (-1 / growth)
        low, high = np.quantile((1 - q) * alike + q * np.maximum(alike, shifted), _INTERVAL)
        return float(low), float(high)

    def next_peaks(self) -> tuple[Floats, Floats, Floats]:
        """Peaks the next run may have, with their probabilities and seconds: what an expected cost is taken over."""
        n, largest, q = len(self.peaks), self.peaks[-1], self.shift_probability
        excess = -np.log1p(-(np.arange(8) + 0.5) / 8)
        beyond = largest + self.tail_scale * excess
        shifted = largest * np.exp(SHIFT_SCALE * excess)
        probability = np.concatenate(
            [np.full(n, (1 - q) / (n + 1)), np.full(8, (1 - q) / (n + 1) / 8), np.full(8, q / 8)]
        )
        usual_s = np.full(16, self.weights_s.mean())
        return np.concatenate([self.peaks, beyond, shifted]), probability, np.concatenate([self.weights_s, usual_s])

    def candidates(self) -> Floats:
        """Sizes worth a look: the peaks themselves, and sizes beyond the largest down to a risk of one in 10,000."""
        largest, steps = self.peaks[-1], np.linspace(0, -log(1e-4), 40)
        thinned = self.peaks[:: max(1, len(self.peaks) // 40)]
        return np.unique(
            np.concatenate(
                [thinned, self.peaks[-5:], largest + self.tail_scale * steps, largest * np.exp(SHIFT_SCALE * steps)]
            )
        )


def peak_risk(peaks: Floats, weights_s: Floats) -> PeakRisk:
    """What the peaks of earlier runs tell of the next.

    Args:
        peaks: Bytes, the oldest run first, at least one.
        weights_s: How long each run was, in seconds.

    Raises:
        ValueError: No peak, or one that is not positive.
    """
    if not len(peaks) or not (peaks > 0).all():
        raise ValueError("peaks must be positive, and there must be one")
    start = current_level(peaks)
    level, seconds = peaks[start:][-_MOST_RUNS:], weights_s[start:][-_MOST_RUNS:]
    slope = upward_slope(level)
    n = len(level)
    moved = level + slope * (n - 1 - np.arange(n) + HORIZON_RUNS) if slope else level
    order = np.argsort(moved, kind="stable")
    ordered = moved[order]
    scale = max(_tail_scale(ordered), _LEAST_SCALE_RATIO * float(ordered[-1]))
    if n < _FEW_RUNS and start > n:
        # A level too young to have shown its spread borrows that of the one before it.
        earlier = np.sort(peaks[:start][-3 * _FEW_RUNS :])
        scale = max(scale, _tail_scale(earlier) / float(earlier[-1]) * float(ordered[-1]))
    return PeakRisk(
        peaks=ordered,
        weights_s=seconds[order],
        level_runs=len(peaks) - start,
        tail_scale=scale,
        spacings=max(1, min(n - 1, _TAIL_VALUES)),
        growth_per_run=slope,
    )


@cache
def _gamma_quantiles(shape: float) -> Floats:
    """Of the Gamma law of this shape and scale 1 at `_GRID`; a few shapes are all there are, and each takes long."""
    found: Floats = gammaincinv(shape, _GRID)
    return found


def _tail_scale(ordered: Floats) -> float:
    spacings = min(len(ordered) - 1, _TAIL_VALUES)
    if spacings < 1:
        return 0.0
    falling = ordered[::-1][: spacings + 1]
    return float(np.median(np.arange(1, spacings + 1) * -np.diff(falling))) / log(2)
