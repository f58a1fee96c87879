"""A series cut into segments of one level each.

1. Binary segmentation on the standardised CUSUM (Scott and Knott, Biometrics 30, 1974; Vostrikova, 1981) proposes
   points with the noise of first differences, which sees no dependence. One split cannot see a level that is left again
   soon, such as a regression repaired the next day; so both ends of an excursion are proposed as well, as in circular
   binary segmentation (Olshen et al., Biostatistics 5, 2004).
2. The points are judged again from all of the segments at once: the weakest goes, again and again, while it does not
   stand out from the long-run noise around the levels; the others move to their best place between their neighbours;
   until nothing changes.
3. A point goes where a straight line through its two segments says as much as two levels do: that is a drift, which
   binary segmentation would cut into as many steps as the threshold allows. And it goes where nobody would see it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from math import exp, inf, log, sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from makespan_analytics.change_points.robustness import Floats, autocorrelation, long_run_inflation

SHORTEST = 5
"""Points of a segment: fewer are an excursion, which `robustness.WINDOW` takes for outliers."""
_THRESHOLD = 1.3
"""Times sqrt(2 log n), the height that the largest CUSUM of n independent normal values stays under: the larger of the
two constants that Fryzlewicz (Annals of Statistics 42, 2014, section 4) recommends."""
_OF_AN_EXCURSION = sqrt(2.0)
"""Times that threshold for an excursion: it has two free ends, so that n is squared in sqrt(2 log n)."""
_WIDTH_RATIO = 2
"""Of one tried width of an excursion to the next: a true one is within sqrt(2) of one, and 84 % as high there."""
_LEAST_VISIBLE = 0.8
"""Standard deviations that levels differ by at least: what Cohen (Statistical Power Analysis, 1988, section 2.2) calls
a large effect. Long histories prove far smaller ones, which no annotator marks and no look at the runs confirms."""
_ROUNDS = 4

Flags = npt.NDArray[np.bool_]


def threshold(count: int) -> float:
    """Height over which a CUSUM of `count` values in units of their noise is a change."""
    return _THRESHOLD * sqrt(2.0 * log(count))


def stands_out(rows: Floats) -> Flags:
    """Whether anything is to be proposed in each row, centred on its mean."""
    count = rows.shape[1]
    sums = np.zeros((len(rows), count + 1))
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    lefts = np.arange(SHORTEST, count - SHORTEST + 1, dtype=np.float64)
    partial = sums[:, SHORTEST : count - SHORTEST + 1] ** 2
    partial /= lefts * (count - lefts)
    least = threshold(count)
    found: Flags = partial.max(axis=1) * count > least * least
    for width, scale in _widths(count):
        moved = sums[:, width:] - sums[:, :-width]
        found |= np.maximum(moved.max(axis=1), -moved.min(axis=1)) * scale > least
    return found


@lru_cache(maxsize=1024)
def _widths(count: int) -> tuple[tuple[int, float], ...]:
    """Widths of excursions among `count` values, each with the factor from its sum to a height like that of a split."""
    found: list[tuple[int, float]] = []
    width = SHORTEST
    while width <= count / 2 and count >= 3 * SHORTEST:
        found.append((width, 1.0 / sqrt(width * (1.0 - width / count)) / _OF_AN_EXCURSION))
        width *= _WIDTH_RATIO
    return tuple(found)


class Segmentation:
    """Segments of one series, being found.

    Args:
        values: Without outliers and gaps, around zero, in units of their noise.
        starts: Where a segment may begin; everywhere, where it is not given.
    """

    def __init__(self, values: Floats, starts: Flags | None = None) -> None:
        self.values = values
        self.count = len(values)
        self.points: list[int] = []
        self._starts = starts
        self._ramp = np.arange(self.count + 1, dtype=np.float64)
        sums = np.zeros((3, self.count + 1))
        sums[0, 1:] = values
        np.multiply(values, values, out=sums[1, 1:])
        np.multiply(values, self._ramp[:-1], out=sums[2, 1:])
        self._sums, self._squares, self._moments = np.cumsum(sums, axis=1, out=sums)
        self._scatter: tuple[list[int] | None, tuple[float, float]] = None, (0.0, 0.0)
        self._splits: dict[tuple[int, int], tuple[int, float]] = {}

    def find(self) -> list[int]:
        """Index of the first value of every segment but the first."""
        least = threshold(self.count)
        self._propose(least)
        for _ in range(_ROUNDS):
            before = list(self.points)
            self._drop_weak(self._least_height(least))
            self._move_to_best_places()
            if self.points == before:
                break
        while self.points and self._drop_least_step():
            self._move_to_best_places()
        return self.points

    def scatter(self) -> tuple[float, float]:
        """Autocorrelation and standard deviation around the levels."""
        around, found = self._scatter
        if around != self.points:
            borders = np.array([0, *self.points, self.count])
            lengths = borders[1:] - borders[:-1]
            sums = self._sums[borders]
            residuals = self.values - np.repeat((sums[1:] - sums[:-1]) / lengths, lengths)
            freedom = max(1, self.count - len(lengths))
            found = autocorrelation(residuals, len(lengths)), sqrt(float(residuals @ residuals) / freedom)
            self._scatter = list(self.points), found
        return found

    def _least_height(self, least: float) -> float:
        """The threshold in long-run deviations of the scatter around all levels.

        That deviation is itself an estimate, from few values where they depend on each other: the height as improbable
        by Student's law as the threshold is by the normal one.
        """
        correlation, deviation = self.scatter()
        inflation = long_run_inflation(correlation)
        freedom = max(1.0, self.count / inflation - len(self.points) - 1)
        return -float(stdtrit(freedom, ndtr(-least))) * deviation * sqrt(inflation)

    def difference(self, before: int, here: int, after: int) -> float:
        """Level of [here, after) less that of [before, here)."""
        sums = self._sums
        return float((sums[after] - sums[here]) / (after - here) - (sums[here] - sums[before]) / (here - before))

    def _propose(self, least: float) -> None:
        pending = [(0, self.count)]
        while pending:
            start, end = pending.pop()
            here, height = self._best_split(start, end)
            cuts = [here] if height > least else self._excursion(start, end, least)
            if cuts:
                self.points += cuts
                borders = [start, *cuts, end]
                pending += pairwise(borders)
        self.points.sort()

    def _excursion(self, start: int, end: int, least: float) -> list[int]:
        """Ends of the highest excursion between two borders, where they leave room for segments; none under `least`."""
        ends = (0, 0)
        level = float(self._sums[end] - self._sums[start]) / (end - start)
        sums = self._sums[start : end + 1] - level * self._ramp[: end - start + 1]
        reach = float(sums.max() - sums.min())
        for width, scale in _widths(end - start):
            if reach * scale <= least:
                # No sum of neighbours is larger, and the wider ones count for less.
                break
            moved = sums[width:] - sums[:-width]
            up, down = float(moved.max()), -float(moved.min())
            if max(up, down) * scale > least:
                least = max(up, down) * scale
                first = start + int(np.argmax(moved) if up >= down else np.argmin(moved))
                ends = (first, first + width)
        return sorted({place for place in map(self._start_before, ends) if start + SHORTEST <= place <= end - SHORTEST})

    def _start_before(self, place: int) -> int:
        """The last place up to this one where a segment may begin; the first value of all where there is none."""
        if self._starts is None:
            return place
        return int(np.flatnonzero(self._starts[: place + 1]).max(initial=0))

    def _best_split(self, start: int, end: int) -> tuple[int, float]:
        """Where the CUSUM between two borders is highest, and how high; height 0 where there is no room."""
        known = self._splits.get((start, end))
        if known is None:
            known = self._splits[(start, end)] = self._searched_split(start, end)
        return known

    def _searched_split(self, start: int, end: int) -> tuple[int, float]:
        count = end - start
        if count < 2 * SHORTEST:
            return start, 0.0
        sums = self._sums
        lefts = self._ramp[SHORTEST : count - SHORTEST + 1]
        first = start + SHORTEST
        squares = sums[first : end - SHORTEST + 1] - (sums[start] + lefts * ((sums[end] - sums[start]) / count))
        squares *= squares
        squares /= lefts * (count - lefts)
        if self._starts is not None:
            squares *= self._starts[first : end - SHORTEST + 1]
        best = int(np.argmax(squares))
        return first + best, sqrt(float(squares[best]) * count)

    def _neighbourhoods(self) -> list[tuple[int, int, int]]:
        borders = [0, *self.points, self.count]
        return list(zip(borders, borders[1:], borders[2:], strict=False))

    def _height(self, before: int, here: int, after: int) -> float:
        weight = (here - before) * (after - here) / (after - before)
        return abs(self.difference(before, here, after)) * sqrt(weight)

    def _drop_weak(self, least: float) -> None:
        while self.points:
            heights = [self._height(*around) for around in self._neighbourhoods()]
            weakest = min(range(len(heights)), key=heights.__getitem__)
            # Not below but at: where there is no noise at all, equal levels must not stay apart.
            if heights[weakest] > least:
                break
            del self.points[weakest]

    def _drop_least_step(self) -> bool:
        """Take out the point that is the least of a step, where it is none; say whether there was one."""
        doubts = [self._doubt(*around) for around in self._neighbourhoods()]
        worst = max(range(len(doubts)), key=doubts.__getitem__)
        if doubts[worst] > 1.0:
            del self.points[worst]
            return True
        return False

    def _doubt(self, before: int, here: int, after: int) -> float:
        """Over one where a line fits both segments as well, or the levels differ too little.

        Two levels have one parameter more than a line, their place, for which they must be better by log n in n log of
        the squares left (Schwarz, Annals of Statistics 6, 1978).
        """
        count = after - before
        total = float(self._sums[after] - self._sums[before])
        squares = float(self._squares[after] - self._squares[before]) - total * total / count
        step = max(squares - self._height(before, here, after) ** 2, 0.0)
        slope = float(self._moments[after] - self._moments[before]) - (before + after - 1) / 2 * total
        line = max(squares - slope * slope * 12.0 / (count * (count * count - 1.0)), 0.0)
        deviation = sqrt(step / (count - 2))
        difference = abs(self.difference(before, here, after))
        if difference == 0.0 or line == 0.0:
            return inf
        return max(_LEAST_VISIBLE * deviation / difference, step / line * exp(log(count) / count))

    def _move_to_best_places(self) -> None:
        borders = [0, *self.points, self.count]
        for _ in range(2):
            for place in range(1, len(borders) - 1):
                here, height = self._best_split(borders[place - 1], borders[place + 1])
                if height > 0.0:
                    borders[place] = here
        self.points = borders[1:-1]
