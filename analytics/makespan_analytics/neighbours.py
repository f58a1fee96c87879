"""Values beside those of another kind next to them in time: what drifts or changes its level is the same for both."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.special import bdtr

from makespan_analytics.profiles.quantiles import ranks

NEIGHBOURS = 3
"""Others on either side of a value: their median is no single run's luck, and they are still near."""


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How far values of one kind lie above those of another beside them.

    Attributes:
        value: Median of the differences.
        low: Lower end of a 90 % interval by order statistics, `high` its upper end.
        chance: Of so many differences of one sign where either is as likely (sign test, two-sided).
        pairs: Differences.
    """

    value: float
    low: float
    high: float
    chance: float
    pairs: int


def neighbour_gaps(values: Sequence[float], is_case: Sequence[bool], is_other: Sequence[bool]) -> list[float]:
    """Each case less the median of up to `NEIGHBOURS` others before and after it; cases without others are left out.

    Args:
        values: In order of time.
        is_case: Which are asked about.
        is_other: Which they are compared with.
    """
    others = [(place, value) for place, value in enumerate(values) if is_other[place]]
    places = [place for place, _ in others]
    found = []
    for place, value in enumerate(values):
        if is_case[place]:
            middle = bisect(places, place)
            near = [other for _, other in others[max(0, middle - NEIGHBOURS) : middle + NEIGHBOURS]]
            if near:
                found.append(value - median(near))
    return found


def paired_difference(gaps: Sequence[float], fewest: int) -> PairedDifference | None:
    """Sum differences up; None for fewer than `fewest`."""
    if len(gaps) < max(1, fewest):
        return None
    ordered = np.sort(np.array(gaps, dtype=np.float64))
    low, high = ranks(len(ordered), 0.5)
    above, below = int((ordered > 0).sum()), int((ordered < 0).sum())
    chance = min(1.0, 2.0 * float(bdtr(min(above, below), above + below, 0.5))) if above + below else 1.0
    return PairedDifference(
        value=float(np.median(ordered)),
        low=float(ordered[0 if low is None else low]),
        high=float(ordered[len(ordered) - 1 if high is None else high]),
        chance=chance,
        pairs=len(ordered),
    )
