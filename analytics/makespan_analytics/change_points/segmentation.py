"""A series cut into segments of one level each.

Binary segmentation on the standardised CUSUM (Scott and Knott, Biometrics 30, 1974; Vostrikova, 1981) proposes
points with the noise of first differences, which sees no dependence. Then the points are judged again from all of the
segments at once: the weakest goes, again and again, while it does not stand out from the long-run noise around the
levels; the others move to their best place between their neighbours; until nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from makespan_analytics.change_points.robustness import Floats, long_run_deviation

SHORTEST = 5
"""Points of a segment: fewer are an excursion, which `robustness.WINDOW` takes for outliers."""
_THRESHOLD = 1.8
"""Times sqrt(2 log n), the height that the largest CUSUM of n independent normal values stays under
(Fryzlewicz, Annals of Statistics 42, 2014, section 4). Run times are neither independent nor normal: at 1.8,
less than one point in a thousand is found in stationary series of six laws (`benchmarks/change_points.py`)."""
_ROUNDS = 4


def segment(values: Floats, noise: float) -> list[int]:
    """Index of the first value of every segment but the first.

    Args:
        values: Without outliers and gaps.
        noise: Standard deviation around the level.
    """
    count = len(values)
    if count < 2 * SHORTEST:
        return []
    # Sums of deviations from the mean: those of large values would lose their digits.
    sums = np.concatenate(([0.0], np.cumsum(values - values.mean())))
    threshold = _THRESHOLD * float(np.sqrt(2.0 * np.log(count)))
    points = _proposed(sums, noise * threshold)
    for _ in range(_ROUNDS):
        borders = [0, *points, count]
        lengths = np.diff(borders)
        levels = np.diff(sums[borders]) / lengths
        residuals = values - values.mean() - np.repeat(levels, lengths)
        kept = _without_weak(sums, points, long_run_deviation(residuals, len(lengths)) * threshold)
        moved = _at_best_places(sums, kept)
        if moved == points:
            break
        points = moved
    return points


def heights(sums: Floats, borders: Sequence[int]) -> list[float]:
    """How far the levels on both sides of every inner border differ, as a CUSUM: in units of the values."""
    found: list[float] = []
    for before, here, after in zip(borders, borders[1:], borders[2:], strict=False):
        left, right = here - before, after - here
        difference = (sums[here] - sums[before]) / left - (sums[after] - sums[here]) / right
        found.append(abs(float(difference)) * np.sqrt(left * right / (left + right)))
    return found


def _proposed(sums: Floats, least: float) -> list[int]:
    points: list[int] = []
    pending = [(0, len(sums) - 1)]
    while pending:
        start, end = pending.pop()
        found = _best_split(sums, start, end)
        if found is not None and found[1] > least:
            points.append(found[0])
            pending += [(start, found[0]), (found[0], end)]
    return sorted(points)


def _best_split(sums: Floats, start: int, end: int) -> tuple[int, float] | None:
    """Where the CUSUM between two borders is highest, and how high."""
    count = end - start
    if count < 2 * SHORTEST:
        return None
    lefts = np.arange(SHORTEST, count - SHORTEST + 1)
    partial = sums[start + SHORTEST : end - SHORTEST + 1] - sums[start]
    statistic = np.abs(partial - lefts * ((sums[end] - sums[start]) / count))
    statistic /= np.sqrt(lefts * (count - lefts) / count)
    best = int(np.argmax(statistic))
    return start + SHORTEST + best, float(statistic[best])


def _without_weak(sums: Floats, points: Sequence[int], least: float) -> list[int]:
    kept = list(points)
    while kept:
        found = heights(sums, [0, *kept, len(sums) - 1])
        weakest = int(np.argmin(found))
        # Not below but at: where there is no noise at all, equal levels must not stay apart.
        if found[weakest] > least:
            break
        del kept[weakest]
    return kept


def _at_best_places(sums: Floats, points: Sequence[int]) -> list[int]:
    borders = [0, *points, len(sums) - 1]
    for _ in range(2):
        for place in range(1, len(borders) - 1):
            found = _best_split(sums, borders[place - 1], borders[place + 1])
            if found is not None:
                borders[place] = found[0]
    return sorted(set(borders[1:-1]))
