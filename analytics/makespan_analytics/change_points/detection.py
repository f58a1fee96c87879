"""Change points of one series: where, how large, how sure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import stdtr

from makespan_analytics.change_points.robustness import (
    Floats,
    long_run_deviation,
    median,
    noise_level,
    without_outliers,
)
from makespan_analytics.change_points.segmentation import SHORTEST, segment

MIN_EFFECT = 0.02
"""Relative change under which nobody would act: the noise of one measured step, repeated, is about that."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """One change of level.

    Attributes:
        index: Of the first value of the new regime.
        time: Its time, where times were given.
        before: Median of the regime before it, up to the change point before.
        after: Median of the regime it begins.
        relative_change: `after` over `before`, less one; infinite from zero on.
        confidence: 1 less the probability that a series without a change has one so clear at any of its places.
    """

    index: int
    time: int | None
    before: float
    after: float
    relative_change: float
    confidence: float


def detect(
    values: Sequence[float | None] | Floats,
    *,
    times: Sequence[int] | None = None,
    groups: Sequence[Hashable] | None = None,
    min_effect: float = MIN_EFFECT,
) -> list[ChangePoint]:
    """All change points of a series, in order.

    Args:
        values: In order of time; None and NaN are gaps.
        times: One for each value.
        groups: One for each value, such as commits: a regime begins with a group, never within one (runs of one
            commit follow each other).
        min_effect: Smallest relative change that counts; smaller ones are merged away.

    Returns:
        Nothing for series under ten values, which is too few to tell a level from an excursion.

    Raises:
        ValueError: Times or groups are of another length.
    """
    series = series_of(values)
    for name, given in (("times", times), ("groups", groups)):
        if given is not None and len(given) != len(series):
            raise ValueError(f"{len(given)} {name} for {len(series)} values")
    places = np.flatnonzero(np.isfinite(series))
    known = series[places]
    if len(known) < 2 * SHORTEST:
        return []
    noise = noise_level(known)
    smooth = without_outliers(known, noise)
    points = segment(smooth, noise)
    if groups is not None:
        points = _at_group_starts(points, [groups[int(place)] for place in places])
    points = _with_effect(known, points, min_effect)
    return _described(known, smooth, points, places, times)


def series_of(values: Sequence[float | None] | Floats) -> Floats:
    """Values as an array in which NaN stands for every gap."""
    if isinstance(values, np.ndarray):
        return values.astype(np.float64, copy=False)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _at_group_starts(points: Sequence[int], groups: Sequence[Hashable]) -> list[int]:
    """Every point at the nearest first value of a group."""
    starts = [0, *(n for n in range(1, len(groups)) if groups[n] != groups[n - 1])]
    nearest = {min(starts, key=lambda start, point=point: abs(start - point)) for point in points}  # type: ignore[misc]
    return sorted(nearest - {0})


def _with_effect(values: Floats, points: Sequence[int], min_effect: float) -> list[int]:
    """The points whose levels differ enough; the smallest difference goes first, and its regimes become one."""
    kept = list(points)
    while kept:
        levels = _levels(values, kept)
        changes = [abs(_relative(before, after)) for before, after in pairwise(levels)]
        smallest = int(np.argmin(changes))
        if changes[smallest] >= min_effect:
            break
        del kept[smallest]
    return kept


def _described(
    values: Floats, smooth: Floats, points: Sequence[int], places: np.ndarray, times: Sequence[int] | None
) -> list[ChangePoint]:
    if not points:
        return []
    count = len(values)
    borders = [0, *points, count]
    lengths = np.diff(borders)
    means = np.add.reduceat(smooth, borders[:-1]) / lengths
    deviation = long_run_deviation(smooth - np.repeat(means, lengths), len(lengths))
    levels = _levels(values, points)
    found: list[ChangePoint] = []
    for number, point in enumerate(points):
        left, right = lengths[number], lengths[number + 1]
        place = int(places[point])
        found.append(
            ChangePoint(
                index=place,
                time=None if times is None else times[place],
                before=levels[number],
                after=levels[number + 1],
                relative_change=_relative(levels[number], levels[number + 1]),
                confidence=_confidence(abs(means[number + 1] - means[number]), deviation, left, right, count),
            )
        )
    return found


def _confidence(difference: float, deviation: float, left: int, right: int, count: int) -> float:
    """From a t-test of the two levels, times the places it could have been at (Bonferroni)."""
    if deviation == 0.0:
        return 1.0
    statistic = difference / (deviation * np.sqrt(1.0 / left + 1.0 / right))
    chance = 2.0 * float(stdtr(max(1, left + right - 2), -statistic)) * count
    return max(0.0, 1.0 - chance)


def _levels(values: Floats, points: Sequence[int]) -> list[float]:
    return [median(values[start:end]) for start, end in pairwise([0, *points, len(values)])]


def _relative(before: float, after: float) -> float:
    if before == after:
        return 0.0
    return float("inf") if before == 0.0 else (after - before) / abs(before)
