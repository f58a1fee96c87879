from __future__ import annotations

import numpy as np
import pytest

from makespan_analytics.change_points import newest_deviation


def _history(count: int = 300, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(100.0, 2.0, count)


def test_three_slow_runs_in_a_row_are_off() -> None:
    found = newest_deviation(np.concatenate([_history(50), [130.0, 128.0, 131.0]]), newest=3)

    assert found is not None
    assert found.is_off
    assert found.relative_change == pytest.approx(0.3, abs=0.02)
    assert found.chance < 0.001


def test_one_outlier_in_a_short_history_is_no_regression() -> None:
    found = newest_deviation(np.concatenate([_history(30), [160.0]]))

    assert found is not None
    assert not found.is_off


def test_one_value_beyond_all_of_a_long_history_is_off() -> None:
    found = newest_deviation(np.concatenate([_history(250), [160.0]]))

    assert found is not None
    assert found.is_off


def test_it_is_compared_with_the_newest_level_not_with_the_whole_history() -> None:
    values = np.concatenate([_history(60), _history(60) + 40, [141.0, 139.5, 140.2]])

    found = newest_deviation(values, newest=3)

    assert found is not None
    assert not found.is_off
    assert found.expected == pytest.approx(140, abs=1)


def test_faster_runs_are_off_too() -> None:
    found = newest_deviation(np.concatenate([_history(50), [70.0, 71.0, 69.0]]), newest=3)

    assert found is not None
    assert found.is_off
    assert found.relative_change < 0


def test_false_alarms_are_rarer_than_one_in_a_hundred() -> None:
    random = np.random.default_rng(5)
    alarms = sum(
        bool(found and found.is_off)
        for _ in range(500)
        for found in [newest_deviation(100 + 5 * random.standard_t(3, 150), newest=int(random.integers(1, 4)))]
    )

    assert alarms <= 5


def test_too_little_history_says_nothing() -> None:
    assert newest_deviation([1.0] * 8) is None
    assert newest_deviation([], newest=1) is None
    assert newest_deviation([None] * 20) is None


def test_at_least_one_value_must_be_asked_about() -> None:
    with pytest.raises(ValueError, match="at least one"):
        newest_deviation([1.0], newest=0)


def test_a_constant_series_with_equal_newest_values_is_not_off() -> None:
    found = newest_deviation([5.0] * 30)

    assert found is not None
    assert (found.is_off, found.relative_change) == (False, 0.0)
