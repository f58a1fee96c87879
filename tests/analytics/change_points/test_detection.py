from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from makespan_analytics.change_points import detect, detect_many
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


@pytest.mark.parametrize("place", [0, 1, 198, 199])
def test_an_outlier_at_an_end_is_no_level(place: int) -> None:
    values = 100 + _noise(200)
    values[place] = 5_000

    assert _indices(values) == []


def test_a_step_among_outliers_is_found() -> None:
    values = _steps((100, 100), (110, 100)) + _noise(200)
    values[::17] += 80

    assert _indices(values) == pytest.approx([100], abs=3)


def _autoregressive(random: np.random.Generator) -> npt.NDArray[np.float64]:
    values = random.normal(0, 1, 300)
    for n in range(1, 300):
        values[n] += 0.5 * values[n - 1]
    return values + 100


_LAWS: dict[str, Callable[[np.random.Generator], npt.NDArray[np.float64]]] = {
    "normal": lambda random: random.normal(100, 5, 300),
    "lognormal": lambda random: random.lognormal(3, 0.3, 300),
    "student": lambda random: 100 + 5 * random.standard_t(3, 300),
    "autoregressive": _autoregressive,
    "discrete": lambda random: random.poisson(4, 300).astype(np.float64),
    "weekly": lambda random: random.normal(100, 3, 300) + np.where(np.arange(300) % 7 >= 5, 8.0, 0.0),
    "two modes": lambda random: random.normal(0, 2, 300) + np.where(random.random(300) < 0.3, 50.0, 100.0),
    "rare": lambda random: np.where(random.random(300) < 0.05, 11.0, 10.0),
    "spikes": lambda random: random.normal(100, 2, 300) + np.where(random.random(300) < 0.05, 50.0, 0.0),
}


@pytest.mark.parametrize("law", _LAWS)
def test_less_than_one_point_in_a_thousand_is_found_where_nothing_changes(law: str) -> None:
    random = np.random.default_rng(11)
    found = sum(len(detect(_LAWS[law](random), min_effect=0.0)) for _ in range(40))

    assert found / (40 * 300) < 0.001


def test_short_series_of_runs_that_depend_on_each_other_have_no_levels() -> None:
    random = np.random.default_rng(11)
    found = sum(len(detect(_autoregressive(random)[-100:], min_effect=0.0)) for _ in range(100))

    assert found / (100 * 100) <= 0.001


@pytest.mark.parametrize("values", [[], [1.0] * 9, [None] * 50, [5.0] * 100, [0.0] * 100, list(range(9))])
def test_short_empty_and_constant_series_have_none(values: list[float | None]) -> None:
    assert detect(values) == []


def test_an_exact_step_without_any_noise_is_found() -> None:
    (point,) = detect(_steps((1.0, 30), (2.0, 30)))

    assert (point.index, point.before, point.after, point.confidence) == (30, 1.0, 2.0, 1.0 - 1e-9)


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


@pytest.mark.parametrize("group_size", [2, 7, 15])
def test_the_commit_of_a_change_is_the_one_that_made_it(group_size: int) -> None:
    commits = [n // group_size for n in range(150)]
    guilty = 70 // group_size
    values = np.array([100.0 if commit < guilty else 115.0 for commit in commits]) + 3 * _noise(150)

    (found,) = _indices(values, groups=commits)

    assert commits[found] == guilty


def test_one_commit_alone_has_no_change_within() -> None:
    assert _indices(_steps((100, 60), (130, 60)) + _noise(120), groups=["a"] * 120) == []


@pytest.mark.parametrize("rise", [3, 10, 30, 300])
def test_a_drift_is_no_step(rise: int) -> None:
    assert detect(np.linspace(100, 100 + rise, 300) + _noise(300)) == []


def test_a_step_within_a_drift_is_found() -> None:
    values = np.linspace(100, 110, 200) + _noise(200) + 30 * (np.arange(200) >= 120)

    assert _indices(values) == pytest.approx([120], abs=1)


@pytest.mark.parametrize("value", [1e308, -1e308, math.inf, -math.inf, math.nan])
def test_what_is_no_measurement_is_a_gap(value: float) -> None:
    values = _steps((100, 40), (150, 40)) + _noise(80)
    values[[10, 60]] = value

    assert _indices(values) == [40]


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e-9, 1e90])
def test_the_smallest_and_largest_values_are_taken(scale: float) -> None:
    assert _indices((_steps((10, 40), (20, 40)) + np.arange(80) % 2) * scale) == [40]


def test_small_changes_of_large_values_are_found() -> None:
    assert _indices(1e9 + _steps((0, 50), (10, 50)) + _noise(100), min_effect=0.0) == [50]


def test_constant_values_that_are_no_binary_fractions_have_no_points() -> None:
    assert detect([0.1 * 3] * 30 + [0.3] * 30, min_effect=0.0) == []
    assert detect([0.1] * 1_000, min_effect=0.0) == []


def test_from_zero_on_the_change_is_infinite() -> None:
    (point,) = detect(_steps((0, 30), (4, 30)))

    assert point.relative_change == math.inf
    assert 0.0 < point.confidence < 1.0


def test_many_series_at_once_have_the_points_of_each_alone() -> None:
    random = np.random.default_rng(9)
    series: list[np.ndarray] = []
    for _ in range(60):
        values = random.normal(100, 5, int(random.choice([5, 60, 61, 200])))
        values[int(random.integers(len(values))) :] += float(random.choice([0, 20, 60]))
        values[random.random(len(values)) < float(random.choice([0, 0.1]))] = np.nan
        series.append(values)
    times = [list(range(len(values))) for values in series]
    groups = [None if number % 2 else [n // 3 for n in range(len(one))] for number, one in enumerate(series)]

    many = detect_many(series, times=times, groups=groups)

    alone = [detect(*one[:1], times=one[1], groups=one[2]) for one in zip(series, times, groups, strict=True)]
    assert many == alone
    assert sum(map(len, many)) > 20


def test_no_series_have_no_points() -> None:
    assert detect_many([]) == []
    assert detect_many([[], [1.0, None]]) == [[], []]


def test_times_are_given_for_each_series() -> None:
    with pytest.raises(ValueError, match="times of 1 series for 2 series"):
        detect_many([[1.0], [2.0]], times=[[1]])


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        detect(["slow"] * 20)  # type: ignore[list-item]


def test_times_and_groups_must_fit_the_values() -> None:
    with pytest.raises(ValueError, match="2 times for 3 values"):
        detect([1.0, 2.0, 3.0], times=[1, 2])
    with pytest.raises(ValueError, match="1 groups"):
        detect([1.0, 2.0, 3.0], groups=["a"])


@given(st.integers(0, 10_000), st.lists(st.integers(0, 80), max_size=30))
def test_gaps_move_indices_and_nothing_else(seed: int, gaps: list[int]) -> None:
    values = _steps((100, 40), (115, 40)) + 2 * _noise(80, seed)
    with_gaps = np.insert(values, gaps, np.nan)
    places = np.flatnonzero(np.isfinite(with_gaps))

    assert _indices(with_gaps) == [int(places[index]) for index in _indices(values)]


@given(st.integers(0, 10_000), st.sampled_from([2.0**-40, 0.25, 1024.0]), st.integers(-1_000, 1_000))
def test_a_shift_of_all_values_does_not_matter(seed: int, factor: float, shift: int) -> None:
    values = _steps((100, 40), (115, 40)) + 2 * _noise(80, seed)

    assert _indices(values * factor + shift * factor, min_effect=0.0) == _indices(values, min_effect=0.0)


_series = arrays(np.float64, st.integers(0, 120), elements=st.floats(-1e6, 1e6, width=32))


@given(_series)
def test_whatever_the_series_points_are_in_order_inside_and_apart(values: np.ndarray) -> None:
    points = detect(values)

    borders = [0, *(point.index for point in points), len(values)]
    assert all(after - before >= SHORTEST for before, after in itertools.pairwise(borders) if points)
    assert all(0.0 < point.confidence < 1.0 for point in points)
    assert len(points) <= len(values) // SHORTEST


@given(st.integers(0, 50), st.floats(0.01, 1000), st.integers(20, 60))
def test_the_unit_of_the_values_does_not_matter(seed: int, factor: float, place: int) -> None:
    values = _steps((100, place), (115, 80 - place)) + 2 * _noise(80, seed)

    assert _indices(values * factor) == _indices(values)


@given(st.integers(0, 50), st.integers(20, 60))
def test_a_series_read_backwards_has_the_same_borders(seed: int, place: int) -> None:
    values = _steps((100, place), (150, 80 - place)) + _noise(80, seed)

    assert [80 - index for index in reversed(_indices(values[::-1]))] == pytest.approx(_indices(values), abs=1)
