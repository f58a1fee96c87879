from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from makespan_analytics.change_points.robustness import (
    Floats,
    autocorrelation,
    noise_levels,
    running_medians,
    without_outliers,
)
from makespan_analytics.change_points.segmentation import SHORTEST, Segmentation, stands_out, threshold


def _cut(values: Floats, points: list[int]) -> list[Floats]:
    return [values[start:end] for start, end in pairwise([0, *points, len(values)])]


def _squares(parts: list[Floats]) -> float:
    return sum(float(np.sum((part - part.mean()) ** 2)) for part in parts)


def _cusum(left: Floats, right: Floats) -> float:
    weight = math.sqrt(len(left) * len(right) / (len(left) + len(right)))
    return abs(float(left.mean() - right.mean())) * weight


def _slow_split(values: Floats) -> tuple[int, float]:
    """By trying every place, with means taken anew each time."""
    places = range(SHORTEST, len(values) - SHORTEST + 1)
    return max(((place, _cusum(values[:place], values[place:])) for place in places), key=lambda found: found[1])


def _slow_proposals(values: Floats, least: float, offset: int = 0) -> list[int]:
    if len(values) < 2 * SHORTEST:
        return []
    place, height = _slow_split(values)
    cuts = [place] if height > least else _slow_excursion(values, least)
    borders = [0, *cuts, len(values)]
    found = [offset + cut for cut in cuts]
    for start, end in pairwise(borders) if cuts else []:
        found += _slow_proposals(values[start:end], least, offset + start)
    return sorted(found)


def _slow_excursion(values: Floats, least: float) -> list[int]:
    """By trying every place of every width, against the whole; an excursion has to be the square root of 2 higher."""
    count, best = len(values), (least, 0, 0)
    for width in [5 * 2**doubling for doubling in range(20)]:
        for start in range(count - width + 1) if 2 * width <= count and count >= 3 * SHORTEST else []:
            beyond = abs(float(np.sum(values[start : start + width] - values.mean())))
            height = beyond / math.sqrt(width * (1 - width / count)) / math.sqrt(2)
            best = max(best, (height, start, start + width), key=lambda found: found[0])
    return [place for place in best[1:] if SHORTEST <= place <= count - SHORTEST]


def _slow_moves(values: Floats, points: list[int]) -> list[int]:
    borders = [0, *points, len(values)]
    for _ in range(2):
        for number in range(1, len(borders) - 1):
            start = borders[number - 1]
            borders[number] = start + _slow_split(values[start : borders[number + 1]])[0]
    return borders[1:-1]


def _slow_doubt(left: Floats, right: Floats) -> float:
    both = np.concatenate((left, right))
    ramp = np.arange(len(both))
    line = float(np.sum((both - np.polyval(np.polyfit(ramp, both, 1), ramp)) ** 2))
    step = _squares([left, right])
    deviation = math.sqrt(step / (len(both) - 2))
    unseen = 0.8 * deviation / abs(float(left.mean() - right.mean()))
    return max(unseen, math.exp(math.log(step / line) + math.log(len(both)) / len(both)))


def _slow_segments(values: Floats) -> list[int]:
    """The method in its own words, with no sums kept and nothing remembered."""
    least = threshold(len(values))
    points = _slow_proposals(values, least)
    for _ in range(4):
        before = points
        parts = _cut(values, points)
        residuals = np.concatenate([part - part.mean() for part in parts])
        correlation = autocorrelation(residuals, len(parts))
        deviation = math.sqrt(_squares(parts) / (len(values) - len(parts)))
        inflation = (1 + correlation) / (1 - correlation)
        freedom = max(1.0, len(values) / inflation - len(parts))
        bar = float(student.isf(norm.sf(least), freedom)) * deviation * math.sqrt(inflation)
        while points:
            heights = [_cusum(left, right) for left, right in pairwise(_cut(values, points))]
            if min(heights) > bar:
                break
            weakest = heights.index(min(heights))
            points = points[:weakest] + points[weakest + 1 :]
        points = _slow_moves(values, points)
        if points == before:
            break
    while points:
        doubts = [_slow_doubt(left, right) for left, right in pairwise(_cut(values, points))]
        if max(doubts) <= 1.0:
            break
        worst = doubts.index(max(doubts))
        points = _slow_moves(values, points[:worst] + points[worst + 1 :])
    return points


@given(st.integers(0, 2**32 - 1), st.lists(st.tuples(st.integers(3, 40), st.integers(-6, 6)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_fast_segmentation_finds_what_the_slow_one_finds(seed: int, levels: list[tuple[int, int]]) -> None:
    values = np.concatenate([np.full(count, float(level)) for count, level in levels])
    values += np.random.default_rng(seed).normal(0.0, 1.0, len(values))
    assume(len(values) >= 2 * SHORTEST)
    values -= values.mean()

    assert Segmentation(values).find() == _slow_segments(values)


@pytest.mark.parametrize("slope", [0.02, 0.1, 1.0])
def test_a_drift_has_no_points(slope: float) -> None:
    values = slope * np.arange(300.0) + np.random.default_rng(2).normal(0.0, 1.0, 300)

    assert Segmentation(values - values.mean()).find() == []


@pytest.mark.parametrize("runs", [6, 10, 30])
def test_a_regression_that_is_repaired_soon_is_found_in_a_long_history(runs: int) -> None:
    values = np.random.default_rng(2).normal(0.0, 1.0, 500)
    values[240 : 240 + runs] += 5.0

    assert Segmentation(values - values.mean()).find() == pytest.approx([240, 240 + runs], abs=1)


def test_a_short_regression_is_found_by_commits_as_well() -> None:
    values = np.random.default_rng(2).normal(0.0, 1.0, 500)
    values[240:252] += 6.0

    assert Segmentation(values - values.mean(), np.arange(500) % 4 == 0).find() == [240, 252]


def test_a_staircase_is_no_drift() -> None:
    values = np.repeat([0.0, 5.0, 10.0, 15.0], 40) + np.random.default_rng(2).normal(0.0, 1.0, 160)

    assert Segmentation(values - values.mean()).find() == [40, 80, 120]


def test_a_difference_that_nobody_sees_is_no_point_however_long_the_history() -> None:
    values = np.repeat([0.0, 0.5], 2_000) + np.random.default_rng(2).normal(0.0, 1.0, 4_000)
    values -= values.mean()

    assert stands_out(values[np.newaxis])[0]
    assert Segmentation(values).find() == []


def test_segments_begin_where_they_may() -> None:
    values = np.repeat([-5.0, 5.0], 50) + np.random.default_rng(2).normal(0.0, 1.0, 100)
    starts = np.zeros(100, dtype=np.bool_)
    starts[[0, 20, 46, 80]] = True

    assert Segmentation(values, starts).find() == [46]
    assert Segmentation(values, np.zeros(100, dtype=np.bool_)).find() == []


def test_running_medians_are_those_of_each_row_alone() -> None:
    rows = np.random.default_rng(4).normal(0.0, 1.0, (3, 30))
    rows[1] += 1_000

    padded = np.pad(rows, ((0, 0), (4, 4)), mode="reflect")
    slow = np.median(np.lib.stride_tricks.sliding_window_view(padded, 9, axis=1), axis=2)

    assert np.array_equal(running_medians(rows), slow)


def test_the_noise_is_that_of_a_normal_law_whatever_the_levels() -> None:
    random = np.random.default_rng(4)
    rows = random.normal(0.0, 3.0, (200, 300)) + np.repeat([0.0, 500.0, -70.0], 100)

    assert float(np.mean(noise_levels(rows))) == pytest.approx(3.0, rel=0.03)


def test_up_to_one_outlier_in_ten_leaves_the_noise_alone() -> None:
    rows = np.random.default_rng(4).normal(0.0, 3.0, (50, 300))
    rows[:, ::12] += 900.0

    noise = noise_levels(rows)
    assert float(noise.max()) < 6.0
    assert float(without_outliers(rows, noise).max()) < 60.0


def test_two_modes_are_noise_and_no_outliers() -> None:
    random = np.random.default_rng(4)
    rows = np.where(random.random((20, 300)) < 0.25, 50.0, 100.0) + random.normal(0.0, 1.0, (20, 300))

    assert float(noise_levels(rows).min()) > 15.0
