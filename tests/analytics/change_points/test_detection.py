from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from makespan_analytics.change_points import detect
from makespan_analytics.change_points.segmentation import SHORTEST


def _noise(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, count)


def _indices(values: Sequence[float | None] | np.ndarray, **options: object) -> list[int]:
    return [point.index for point in detect(values, **options)]  # type: ignore[arg-type]


def _steps(*levels: tuple[float, int]) -> np.ndarray:
    return np.concatenate([np.full(count, level) for level, count in levels])


def test_a_step_is_found_where_it_is_with_its_levels_and_its_size() -> None:
    values = _steps((100, 60), (120, 40)) + _noise(100)

    (point,) = detect(values, times=range(1_000, 1_100))

    assert abs(point.index - 60) <= 1
    assert point.time == 1_000 + point.index
    assert point.before == pytest.approx(100, abs=1)
    assert point.after == pytest.approx(120, abs=1)
    assert point.relative_change == pytest.approx(0.2, abs=0.02)
    assert point.confidence > 0.999


def test_up_and_down_again_are_two_points() -> None:
    assert _indices(_steps((50, 40), (70, 15), (50, 40)) + _noise(95)) == [40, 55]


def test_lone_outliers_are_no_change_points() -> None:
    values = 100 + _noise(200)
    values[[20, 80, 81, 150]] += 60

    assert _indices(values) == []


def test_a_step_among_outliers_is_found() -> None:
    values = _steps((100, 100), (110, 100)) + _noise(200)
    values[::17] += 80

    assert _indices(values) == pytest.approx([100], abs=3)


@pytest.mark.parametrize("law", ["normal", "lognormal", "student", "autoregressive", "discrete", "weekly"])
def test_less_than_one_point_in_a_thousand_is_found_where_nothing_changes(law: str) -> None:
    random = np.random.default_rng(11)
    found = 0
    for _ in range(40):
        if law == "normal":
            values = random.normal(100, 5, 300)
        elif law == "lognormal":
            values = np.exp(random.normal(3, 0.3, 300))
        elif law == "student":
            values = 100 + 5 * random.standard_t(3, 300)
        elif law == "discrete":
            values = random.poisson(4, 300).astype(float)
        elif law == "weekly":
            values = random.normal(100, 3, 300) + 8 * (np.arange(300) % 7 >= 5)
        else:
            shocks = random.normal(0, 1, 300)
            values = np.zeros(300)
            for n in range(1, 300):
                values[n] = 0.5 * values[n - 1] + shocks[n]
            values += 100
        found += len(detect(values, min_effect=0.0))

    assert found / (40 * 300) < 0.001


@pytest.mark.parametrize("values", [[], [1.0] * 9, [None] * 50, [5.0] * 100, [0.0] * 100, list(range(9))])
def test_short_empty_and_constant_series_have_none(values: list[float | None]) -> None:
    assert detect(values) == []


def test_an_exact_step_without_any_noise_is_found() -> None:
    (point,) = detect(_steps((1.0, 30), (2.0, 30)))

    assert (point.index, point.before, point.after, point.confidence) == (30, 1.0, 2.0, 1.0)


def test_gaps_are_passed_over_and_indices_are_those_of_the_series_given() -> None:
    values: list[float | None] = [float(value) for value in _steps((10, 40), (20, 40)) + _noise(80) / 10]
    for place in (3, 38, 39, 40, 60):
        values[place] = None
    values[70] = math.nan

    assert _indices(values) == [41]


def test_a_change_too_small_to_act_on_is_merged_away() -> None:
    values = _steps((1000, 60), (1010, 60)) + _noise(120)

    assert _indices(values, min_effect=0.0) == pytest.approx([60], abs=1)
    assert _indices(values, min_effect=0.02) == []


def test_a_regime_begins_with_a_commit_and_never_within_one() -> None:
    values = _steps((100, 60), (130, 60)) + _noise(120)
    commits = [n // 7 for n in range(120)]

    (found,) = _indices(values, groups=commits)

    assert commits[found] != commits[found - 1]
    assert abs(found - 60) <= 4


def test_a_drift_is_not_cut_into_many_steps() -> None:
    assert len(detect(np.linspace(100, 130, 300) + _noise(300))) <= 6


def test_times_and_groups_must_fit_the_values() -> None:
    with pytest.raises(ValueError, match="2 times for 3 values"):
        detect([1.0, 2.0, 3.0], times=[1, 2])
    with pytest.raises(ValueError, match="1 groups"):
        detect([1.0, 2.0, 3.0], groups=["a"])


_series = arrays(np.float64, st.integers(0, 120), elements=st.floats(-1e6, 1e6, width=32))


@given(_series)
def test_whatever_the_series_points_are_in_order_inside_and_apart(values: np.ndarray) -> None:
    points = detect(values)

    borders = [0, *(point.index for point in points), len(values)]
    assert all(after - before >= SHORTEST for before, after in itertools.pairwise(borders) if points)
    assert all(0.0 <= point.confidence <= 1.0 for point in points)


@given(st.integers(0, 50), st.floats(0.01, 1000), st.integers(20, 60))
def test_the_unit_of_the_values_does_not_matter(seed: int, factor: float, place: int) -> None:
    values = _steps((100, place), (115, 80 - place)) + 2 * _noise(80, seed)

    assert _indices(values * factor) == _indices(values)


@given(st.integers(0, 50), st.integers(20, 60))
def test_a_series_read_backwards_has_the_same_borders(seed: int, place: int) -> None:
    values = _steps((100, place), (150, 80 - place)) + _noise(80, seed)

    assert [80 - index for index in reversed(_indices(values[::-1]))] == pytest.approx(_indices(values), abs=1)
