"""Whether the newest values of a series are off, before there are enough of them for a level of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from makespan_analytics.change_points.detection import detect, series_of
from makespan_analytics.change_points.robustness import Floats, noise_level, without_outliers

FEWEST = 8
"""Values of the current level under which nothing is said: the rank of the newest among fewer is worth 11 %."""
_MOST = 200
_ALPHA = 0.01
"""Chance of a false alarm for each new value."""
_DEVIATIONS = 4.0
"""A newest value is not only the highest seen, it is this many standard deviations away as well."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """What the newest values say.

    Attributes:
        is_off: Whether they are outside of what their level leads to expect.
        newest: Their median.
        expected: Median of the level before them.
        relative_change: `newest` over `expected`, less one.
        score: Distance from `expected` in standard deviations of the level, by its outliers-resistant scatter.
        chance: Probability of newest values so far out where nothing has changed, from ranks alone.
        values: How many newest values were looked at together, and how many of the level they were compared with.
    """

    is_off: bool
    newest: float
    expected: float
    relative_change: float
    score: float
    chance: float
    values: tuple[int, int]


def newest_deviation(
    values: Sequence[float | None] | Floats, *, newest: int = 1, min_effect: float = 0.05
) -> Deviation | None:
    """Compare the newest values with the level before them.

    One value alone is an outlier as often as a regression: its chance is that of a rank, so that it is off only in a
    long history. Two or three in a row say more.

    Args:
        values: In order of time; None and NaN are gaps.
        newest: How many of the last values are asked about.
        min_effect: Smallest relative change that counts.

    Returns:
        None where the level before them has fewer than `FEWEST` values.

    Raises:
        ValueError: `newest` is under 1.
    """
    if newest < 1:
        raise ValueError(f"at least one newest value is needed, not {newest}")
    series = series_of(values)
    known = series[np.isfinite(series)]
    history, last = known[:-newest], known[-newest:]
    changes = detect(history)
    level = history[changes[-1].index if changes else 0 :][-_MOST:]
    if len(level) < FEWEST or len(last) < newest:
        return None
    noise = max(noise_level(level), float(np.std(without_outliers(level, noise_level(level)))))
    expected, told = float(np.median(level)), float(np.median(last))
    score = (told - expected) / noise
    chance = _chance(level, last, above=told > expected)
    relative = 0.0 if told == expected else float("inf") if expected == 0 else (told - expected) / abs(expected)
    is_off = chance <= _ALPHA and abs(score) >= _DEVIATIONS / np.sqrt(newest) and abs(relative) >= min_effect
    return Deviation(bool(is_off), told, expected, relative, score, chance, (newest, len(level)))


def _chance(level: Floats, last: Floats, *, above: bool) -> float:
    """Chance that all of the newest lie beyond as many of the level as the nearest of them does.

    Where nothing has changed every order of the values is as likely (permutation test): that k newest values all lie
    beyond all but j of n old ones has the probability of a product of (j + i) / (n + i), twice for both sides.
    """
    nearest = float(last.min() if above else last.max())
    beyond = int(np.count_nonzero(level >= nearest) if above else np.count_nonzero(level <= nearest))
    chance = 2.0
    for number in range(1, len(last) + 1):
        chance *= (beyond + number) / (len(level) + number)
    return min(1.0, chance)
