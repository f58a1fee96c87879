from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.sizing.level_changes import current_level, upward_slope

GENERATOR_SEED = 7


def noise(n: int, level: float, ratio: float = 0.02) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return level * (1 + ratio * np.random.default_rng(GENERATOR_SEED).standard_normal(n))


def test_a_change_in_the_middle_starts_the_level() -> None:
    assert current_level(np.concatenate([noise(30, 100), noise(30, 150)])) == 30


def test_of_several_changes_the_last_counts() -> None:
    values = np.concatenate([noise(30, 100), noise(30, 150), noise(30, 80)])
    assert 59 <= current_level(values) <= 61


def test_a_change_three_runs_old_is_seen_when_old_and_new_are_apart() -> None:
    assert current_level(np.concatenate([noise(30, 700), noise(3, 150)])) == 30


def test_two_runs_are_no_level() -> None:
    assert current_level(np.concatenate([noise(30, 700), noise(2, 150)])) == 0


def test_outliers_are_no_change() -> None:
    values = noise(60, 100)
    values[[5, 20, 21, 40, 58]] = 500
    assert current_level(values) == 0


def test_changes_smaller_than_the_headroom_are_passed_over() -> None:
    assert current_level(np.concatenate([np.full(40, 100.0), np.full(40, 101.0)])) == 0


def test_constant_series_have_one_level() -> None:
    assert current_level(np.full(50, 3.0)) == 0


def test_steady_series_hardly_ever_seem_to_change() -> None:
    random = np.random.default_rng(GENERATOR_SEED)
    changed = sum(current_level(random.lognormal(0, 0.5, 60)) > 0 for _ in range(500))
    assert changed <= 5  # Several tests at 0.1 % each.


@given(st.lists(st.floats(1, 1e12), min_size=1, max_size=80))
def test_the_level_is_never_empty(values: list[float]) -> None:
    assert 0 <= current_level(np.array(values)) < len(values)


def test_growth_is_measured_through_outliers() -> None:
    values = 100 + 2.0 * np.arange(30) + noise(30, 1.0)
    values[7] = 1000
    assert upward_slope(values) == pytest.approx(2.0, rel=0.1)


def test_noise_and_decline_do_not_grow() -> None:
    assert upward_slope(noise(60, 100)) == 0
    assert upward_slope(100 - np.arange(30.0)) == 0
    assert upward_slope(np.arange(5.0)) == 0
