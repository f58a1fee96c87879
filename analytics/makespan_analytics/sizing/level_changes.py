"""Where the current level of a series begins: what came before it says nothing about the next value.

A simple, robust rule for sizes, which only ask for the last regime. Two rank tests, so that neither outliers nor
heavy tails matter:

* Pettitt's test (Applied Statistics 28, 1979) for one change at an unknown place, taken again on what follows it;
  P(K >= k) is about 2 exp(-6 k^2 / (n^3 + n^2)).
* Pettitt's test is blind to a change a few runs old. Those are seen by complete separation: the last m of n values all
  lie beyond all others, which for exchangeable values has probability 1 / C(n, m) to each side (the extreme of
  Wilcoxon's rank-sum statistic).
"""

from __future__ import annotations

from math import comb, exp, sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SIGNIFICANCE = 0.001
"""Each step of each pipeline is looked at after every run: at 1 in 1,000 a false change is a matter of months."""
_LEAST_CHANGE_RATIO = 0.02
"""Below 2 % a change of level moves a size less than its own headroom does."""
_FEWEST_FOR_PETTITT = 10
_LEAN = 10
_FEWEST_SEPARATED = 3
_MOST_SEPARATED = 25
_FEWEST_FOR_TREND = 8
_MOST_FOR_TREND = 100
"""Pairs grow with the square; a hundred values tell a slope well enough."""
_TREND_Z = 3.29
"""Two-sided 0.1 % of the normal law, as for the changes."""


def current_level(values: Floats) -> int:
    """Index of the first value of the current level; 0 where the level never changed."""
    start = 0
    while (change := _pettitt(values[start:])) is not None:
        start += change
    return start + _separated(values[start:])


def upward_slope(values: Floats) -> float:
    """Growth per value by Theil and Sen's median of pairwise slopes; 0 unless Mann-Kendall's test is sure of growth.

    Theil, Nederl. Akad. Wetensch. Proc. 53, 1950; Sen, JASA 63, 1968; Mann, Econometrica 13, 1945.
    """
    values = values[-_MOST_FOR_TREND:]
    n = len(values)
    if n < _FEWEST_FOR_TREND:
        return 0.0
    earlier, later = np.triu_indices(n, 1)
    rise = values[later] - values[earlier]
    if np.sign(rise).sum() <= _TREND_Z * sqrt(n * (n - 1) * (2 * n + 5) / 18):
        return 0.0
    return float(np.median(rise / (later - earlier)))


def _pettitt(values: Floats) -> int | None:
    """Index of the first value after the most likely change; None where no change is sure."""
    n = len(values)
    if n < _FEWEST_FOR_PETTITT:
        return None
    ordered = np.sort(values)
    ranks = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") + 1) / 2
    statistic = 2 * np.cumsum(ranks)[:-1] - np.arange(1, n) * (n + 1)
    last_before = int(np.argmax(np.abs(statistic)))
    k = float(statistic[last_before])
    if 2 * exp(-6 * k * k / (n**3 + n**2)) > _SIGNIFICANCE:
        return None
    change = _sharpened(values, last_before + 1)
    before, after = np.median(values[:change]), np.median(values[change:])
    if abs(before - after) < _LEAST_CHANGE_RATIO * max(before, after):
        return None
    return change


def _sharpened(values: Floats, change: int) -> int:
    """The split near `change` with the least absolute deviations from both medians.

    The rank statistic leans to the middle of the series: it is larger a few values early if those happen to be the
    extreme ones of their level.
    """

    def deviations(split: int) -> float:
        parts = (values[:split], values[split:])
        return float(sum(np.abs(part - np.median(part)).sum() for part in parts))

    first, last = max(1, change - _LEAN), min(len(values) - 1, change + _LEAN)
    return min(range(first, last + 1), key=lambda split: (deviations(split), abs(split - change)))


def _separated(values: Floats) -> int:
    n = len(values)
    for m in range(_FEWEST_SEPARATED, min(n // 2, _MOST_SEPARATED) + 1):
        if comb(n, m) * _SIGNIFICANCE < 1:
            continue
        old, new = values[:-m], values[-m:]
        gap = 1 + _LEAST_CHANGE_RATIO
        if new.max() * gap < old.min() or new.min() > old.max() * gap:
            return n - m
    return 0
