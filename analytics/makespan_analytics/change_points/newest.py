"""Whether the newest values of a series are off, before there are enough of them for a level of their own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
import numpy.typing as npt

from makespan_analytics.change_points.detection import detect, relative_change
from makespan_analytics.change_points.robustness import (
    Floats,
    autocorrelation,
    long_run_inflation,
    median,
    noise_levels,
    without_outliers,
)
from makespan_analytics.change_points.series import Values, group_starts, known_places, of_same_length, series_of

FEWEST = 8
"""Values of the current level under which nothing is said: the rank of the newest among fewer is worth 11 %."""
_MOST = 200
_ALPHA = 0.01
"""Chance of a false alarm for each new value."""
_DEVIATIONS = 4.0
"""A newest value is not only the highest seen, it is this many standard deviations away as well."""
_DAY_NS = 86_400_000_000_000
_DAYS = 7
_FEWEST_OF_A_DAY = 3
"""Values of one weekday that its median is taken of."""
_LEAST_SCATTER = 1e-100
"""Of a level of zeros, so that a score remains a number."""
_STRONG = 6.0
"""Difference of the Schwarz criterion from which evidence is strong (Kass and Raftery, JASA 90, 1995, section 3.2)."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """What the newest values say.

    Attributes:
        is_off: Whether they are outside of what their level leads to expect.
        newest: Their median.
        expected: What their level led to expect: its median, moved along its drift and by their weekday.
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
    values: Values,
    *,
    newest: int = 1,
    times: Sequence[int] | None = None,
    groups: Sequence[Hashable] | None = None,
    min_effect: float = 0.05,
) -> Deviation | None:
    """Compare the newest values with the level before them.

    One value alone is an outlier as often as a regression: its chance is that of a rank, so that it is off only in a
    long history. Two or three in a row say more.

    Args:
        values: In order of time; None, NaN, infinities and what is over 1e100 are gaps.
        newest: How many of the last values are asked about.
        times: One for each value, in nanoseconds since 1970: with them, weekdays (UTC) that differ are not taken for
            changes.
        groups: One for each value, such as commits. Values of one group that follow each other count as one, their
            median: runs of one commit share what is peculiar to it. `newest` then counts groups.
        min_effect: Smallest relative change that counts.

    Returns:
        None where the level before them has fewer than `FEWEST` values.

    Raises:
        ValueError: `newest` is under 1, or times or groups are of another length.
    """
    if newest < 1:
        raise ValueError(f"at least one newest value is needed, not {newest}")
    series = series_of(values)
    of_same_length(series, ("times", times), ("groups", groups))
    places = known_places(series)
    known = series[places]
    days = None if times is None else weekdays(np.array([times[place] for place in places.tolist()], dtype=np.int64))
    if groups is not None and len(known):
        first = np.flatnonzero(group_starts([groups[place] for place in places.tolist()]))
        known = np.array([median(part) for part in np.split(known, first[1:])])
        days = None if days is None else days[first]
    changes = detect(known[:-newest])
    start = max(changes[-1].index if changes else 0, len(known) - newest - _MOST)
    if len(known) - newest - start < FEWEST:
        return None
    return _compared(known[start:], None if days is None else days[start:], newest, min_effect)


def weekdays(times_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Day of the week of times, Monday 0 (1970 began on a Thursday)."""
    found: npt.NDArray[np.int64] = (times_ns // _DAY_NS + 3) % _DAYS
    return found


def _compared(known: Floats, days: npt.NDArray[np.int64] | None, newest: int, min_effect: float) -> Deviation:
    count = len(known) - newest
    usual = _usual(_smooth(known[:count])[0], days, len(known))
    left = known - usual
    residuals, noise = _smooth(left[:count])
    residuals -= residuals.mean()
    scatter = max(noise, float(np.std(residuals)), _LEAST_SCATTER)
    inflation = _believed_inflation(residuals, 1)
    newest_left, center = median(left[count:]), median(left[:count])
    expected = center + median(usual[count:])
    independent = max(1, round(newest / inflation))
    score = (newest_left - center) / scatter
    chance = _chance(left[:count], left[count:], independent, above=newest_left > center)
    told = median(known[count:])
    relative = relative_change(expected, expected + newest_left - center)
    is_off = chance <= _ALPHA and abs(score) >= _DEVIATIONS / sqrt(independent) and abs(relative) >= min_effect
    return Deviation(bool(is_off), told, expected, relative, score, chance, (newest, count))


def _smooth(level: Floats) -> tuple[Floats, float]:
    """The level without outliers, and its noise."""
    noise = noise_levels(level[np.newaxis])
    return without_outliers(level[np.newaxis], noise)[0], float(noise[0])


def _usual(level: Floats, days: npt.NDArray[np.int64] | None, count: int) -> Floats:
    """What drift and weekday add to the level, for `count` values from the first of it on.

    Each is believed where the squares it leaves are strong evidence for it (Schwarz, Annals of Statistics 6, 1978),
    counting dependent values as the fewer independent ones that they are worth: of such noise any short stretch looks
    like a drift.
    """
    usual = np.zeros(count)
    known = len(level)
    ramp = np.arange(count) - (known - 1) / 2
    flat = level - level.mean()
    slope = float(ramp[:known] @ flat) / float(ramp[:known] @ ramp[:known])
    if _is_worth(flat, flat - slope * ramp[:known], 1):
        usual += slope * ramp
    if days is not None:
        usual += _of_weekdays(level - usual[:known], days)
    return usual


def _of_weekdays(level: Floats, days: npt.NDArray[np.int64]) -> Floats:
    known = days[: len(level)]
    usual = np.zeros(_DAYS)
    seen = [day for day in range(_DAYS) if np.count_nonzero(known == day) >= _FEWEST_OF_A_DAY]
    for day in seen:
        usual[day] = median(level[known == day]) - median(level)
    flat = level - level.mean()
    around = level - usual[known]
    return usual[days] if _is_worth(flat, around - around.mean(), len(seen) - 1) else np.zeros(len(days))


def _is_worth(flat: Floats, fitted: Floats, parameters: int) -> bool:
    before, after = float(flat @ flat), float(fitted @ fitted)
    if parameters < 1 or before == 0.0:
        return False
    independent = len(flat) / _believed_inflation(fitted, 1 + parameters)
    if after == 0.0:
        return True
    return independent * log(before / after) > parameters * log(len(flat)) + _STRONG


def _believed_inflation(residuals: Floats, parameters: int) -> float:
    """Long-run inflation where the correlation exceeds two standard errors, 1 / sqrt(n) each (Bartlett, 1946).

    Of twenty values half of all estimates are 0.2 off; believing them would make every other short level deaf.
    """
    correlation = autocorrelation(residuals, parameters)
    return long_run_inflation(correlation) if correlation > 2.0 / sqrt(len(residuals)) else 1.0


def _chance(level: Floats, last: Floats, independent: int, *, above: bool) -> float:
    """Chance that all of the newest lie beyond as many of the level as the nearest of them does.

    Where nothing has changed every order of the values is as likely (permutation test): that k newest values all lie
    beyond all but j of n old ones has the probability of a product of (j + i) / (n + i), twice for both sides. Of
    dependent values only as many factors count as they are worth independent ones.
    """
    nearest = float(last.min() if above else last.max())
    beyond = int(np.count_nonzero(level >= nearest) if above else np.count_nonzero(level <= nearest))
    chance = 2.0
    for number in range(1, independent + 1):
        chance *= (beyond + number) / (len(level) + number)
    return min(1.0, chance)
