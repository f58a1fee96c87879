"""Change points of series: where, how large, how sure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, sqrt

import numpy as np
from scipy.special import stdtr

from makespan_analytics.change_points.robustness import (
    Floats,
    long_run_inflation,
    median,
    noise_levels,
    without_outliers,
)
from makespan_analytics.change_points.segmentation import SHORTEST, Segmentation, stands_out
from makespan_analytics.change_points.series import (
    Indices,
    Values,
    group_starts,
    known_places,
    of_same_length,
    series_of,
)

MIN_EFFECT = 0.01
"""Relative change under which nobody would act, however quiet the series: a hundredth. Annotators of performance series
mark changes down to about that; whoever has to act on many series asks for more."""
_MOST_AT_ONCE = 32_768
"""Values looked at together: some arrays of so many stay in the cache of one core."""
_SUREST = 1.0 - 1e-9
"""No finite series is a proof."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """One change of level.

    Attributes:
        index: Of the first value of the new regime.
        time: Its time, where times were given.
        before: Median of the regime before it, up to the change point before.
        after: Median of the regime it begins.
        relative_change: `after` over `before`, less one; infinite from zero on.
        confidence: 1 less the probability that a series without a change has one so clear at any of its places; in
            (0, 1).
    """

    index: int
    time: int | None
    before: float
    after: float
    relative_change: float
    confidence: float


@dataclass(frozen=True, slots=True)
class _Given:
    """One series with what belongs to it, gaps taken out."""

    number: int
    known: Floats
    places: Indices
    times: Sequence[int] | None
    groups: Sequence[Hashable] | None


def detect(
    values: Values,
    *,
    times: Sequence[int] | None = None,
    groups: Sequence[Hashable] | None = None,
    min_effect: float = MIN_EFFECT,
) -> list[ChangePoint]:
    """All change points of a series, in order.

    Args:
        values: In order of time; None, NaN, infinities and what is over 1e100 are gaps.
        times: One for each value.
        groups: One for each value, such as commits: a regime begins with a group, never within one (runs of one
            commit follow each other).
        min_effect: Smallest relative change that counts; smaller ones are merged away.

    Returns:
        Nothing for series under ten values, which is too few to tell a level from an excursion.

    Raises:
        ValueError: Times or groups are of another length.
    """
    return detect_many(
        [values],
        times=None if times is None else [times],
        groups=None if groups is None else [groups],
        min_effect=min_effect,
    )[0]


def detect_many(
    series: Sequence[Values],
    *,
    times: Sequence[Sequence[int] | None] | None = None,
    groups: Sequence[Sequence[Hashable] | None] | None = None,
    min_effect: float = MIN_EFFECT,
) -> list[list[ChangePoint]]:
    """The change points of many series, each as `detect` finds them.

    Those of one length share the passes over all values, so that a series without a change costs a fraction of one
    looked at alone.

    Raises:
        ValueError: There are more or fewer times or groups than series, or of another length than their series.
    """
    for name, given in (("times", times), ("groups", groups)):
        if given is not None and len(given) != len(series):
            raise ValueError(f"{name} of {len(given)} series for {len(series)} series")
    by_length: dict[int, list[_Given]] = {}
    for number, values in enumerate(series):
        one = _given(
            number, values, None if times is None else times[number], None if groups is None else groups[number]
        )
        if len(one.known) >= 2 * SHORTEST:
            by_length.setdefault(len(one.known), []).append(one)
    found: list[list[ChangePoint]] = [[] for _ in series]
    for count, members in by_length.items():
        together = max(1, _MOST_AT_ONCE // count)
        for first in range(0, len(members), together):
            for one, smooth in _with_candidates(members[first : first + together]):
                found[one.number] = _change_points(one, smooth, min_effect)
    return found


def relative_change(before: float, after: float) -> float:
    """`after` over `before`, less one; infinite from zero on."""
    if before == after:
        return 0.0
    return inf if before == 0.0 else (after - before) / abs(before)


def _given(number: int, values: Values, times: Sequence[int] | None, groups: Sequence[Hashable] | None) -> _Given:
    series = series_of(values)
    of_same_length(series, ("times", times), ("groups", groups))
    places = known_places(series)
    return _Given(number, series if len(places) == len(series) else series[places], places, times, groups)


def _with_candidates(members: Sequence[_Given]) -> Iterator[tuple[_Given, Floats]]:
    """Members with a split above the threshold: values without outliers in units of their noise."""
    rows = np.stack([one.known for one in members])
    noise = noise_levels(rows)
    changing = np.flatnonzero(noise > 0.0)
    if len(changing) < len(members):
        rows, noise = rows[changing], noise[changing]
    if not len(rows):
        return
    smooth = without_outliers(rows, noise)
    # Centred first: the digits of small changes of large values would be lost in the sums.
    smooth -= smooth.mean(axis=1)[:, np.newaxis]
    smooth /= noise[:, np.newaxis]
    for row in np.flatnonzero(stands_out(smooth)):
        yield members[int(changing[row])], smooth[row]


def _change_points(one: _Given, smooth: Floats, min_effect: float) -> list[ChangePoint]:
    starts = None if one.groups is None else group_starts([one.groups[place] for place in one.places.tolist()])
    segmentation = Segmentation(smooth, starts)
    points = segmentation.find()
    levels = _merged(one.known, points, min_effect)
    if not points:
        return []
    correlation, deviation = segmentation.scatter()
    inflation = long_run_inflation(correlation)
    borders = [0, *points, len(smooth)]
    found: list[ChangePoint] = []
    for number, point in enumerate(points):
        left, right = point - borders[number], borders[number + 2] - point
        difference = abs(segmentation.difference(borders[number], point, borders[number + 2]))
        place = int(one.places[point])
        found.append(
            ChangePoint(
                index=place,
                time=None if one.times is None else one.times[place],
                before=levels[number],
                after=levels[number + 1],
                relative_change=relative_change(levels[number], levels[number + 1]),
                confidence=_confidence(difference, deviation, inflation, (left, right, len(smooth))),
            )
        )
    return found


def _merged(values: Floats, points: list[int], min_effect: float) -> list[float]:
    """Take out points of too small an effect, the smallest first; return the levels that are left."""
    levels = [median(values[start:end]) for start, end in pairwise([0, *points, len(values)])]
    while points:
        changes = [abs(relative_change(before, after)) for before, after in pairwise(levels)]
        smallest = min(range(len(changes)), key=changes.__getitem__)
        if changes[smallest] >= min_effect and changes[smallest] > 0.0:
            break
        del points[smallest]
        borders = [0, *points, len(values)]
        levels[smallest : smallest + 2] = [median(values[borders[smallest] : borders[smallest + 1]])]
    return levels


def _confidence(difference: float, deviation: float, inflation: float, counts: tuple[int, int, int]) -> float:
    """From a t-test of the two levels, times the places it could have been at (Bonferroni).

    Dependent values are worth 1 / `inflation` independent ones, in the error of the levels and in degrees of freedom
    (Bayley and Hammersley, Supplement to the Journal of the Royal Statistical Society 8, 1946).
    """
    left, right, count = counts
    error = deviation * sqrt(inflation * (1.0 / left + 1.0 / right))
    if error == 0.0:
        return _SUREST
    chance = 2.0 * float(stdtr(max(1.0, (left + right) / inflation - 2.0), -difference / error)) * count
    return min(max(1.0 - chance, 1.0 - _SUREST), _SUREST)
