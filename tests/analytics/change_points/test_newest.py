from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


_DAY_NS = 86_400 * 10**9


def _by_weekday(count: int, seed: int = 3) -> tuple[np.ndarray, list[int]]:
    """One run a day, slower at weekends; the first day is a Thursday."""
    weekend = (np.arange(count) + 3) % 7 >= 5
    return np.random.default_rng(seed).normal(100.0, 2.0, count) + 40 * weekend, [n * _DAY_NS for n in range(count)]


@pytest.mark.parametrize("count", [45, 46, 150, 199, 200])
def test_a_weekend_is_no_regression(count: int) -> None:
    values, times = _by_weekday(count)

    for newest in (1, 2, 3):
        found = newest_deviation(values, newest=newest, times=times)
        assert found is not None
        assert not found.is_off


def test_a_slow_monday_is_seen_where_weekends_are_as_slow() -> None:
    values, times = _by_weekday(7 * 12)
    values[-3:] = [140.0, 141.0, 139.0]
    assert [(n + 3) % 7 for n in range(7 * 12)][-3:] == [0, 1, 2]

    found = newest_deviation(values, newest=3, times=times)

    assert found is not None
    assert found.is_off
    assert found.expected == pytest.approx(100, abs=2)


def test_a_drift_that_goes_on_is_no_regression() -> None:
    values = 100 + 0.5 * np.arange(63) + np.random.default_rng(6).normal(0.0, 1.0, 63)

    found = newest_deviation(values, newest=3)

    assert found is not None
    assert not found.is_off
    assert found.expected == pytest.approx(130.5, abs=1.5)


def test_runs_of_one_commit_are_one_piece_of_evidence() -> None:
    values = np.concatenate([_history(40), [130.0, 128.0, 131.0]])
    reruns = [*range(40), "a", "a", "a"]

    together = newest_deviation(values, groups=reruns)
    apart = newest_deviation(values, newest=3)

    assert together is not None
    assert apart is not None
    assert not together.is_off
    assert apart.is_off
    assert together.newest == 130.0
    assert together.values == (1, 40)


def test_three_slow_commits_of_several_runs_are_off() -> None:
    commits = [n // 3 for n in range(90)]
    values = _history(90) + 30.0 * (np.array(commits) >= 27)

    found = newest_deviation(values, newest=3, groups=commits)

    assert found is not None
    assert found.is_off
    assert found.values == (3, 27)


@pytest.mark.parametrize("history", [9, 12, 20, 60, 200])
def test_a_clear_step_is_seen_after_three_runs(history: int) -> None:
    seen = 0
    for seed in range(20):
        values = np.random.default_rng(seed).normal(100.0, 2.0, history + 3)
        values[-3:] += 30.0
        found = newest_deviation(values, newest=3)
        seen += found is not None and found.is_off

    # With twelve runs three in twenty look like dependent ones, of which three are too little evidence.
    assert seen >= 16


def test_dependent_runs_are_not_three_times_the_evidence() -> None:
    random = np.random.default_rng(8)
    alarms = 0
    for _ in range(200):
        values = random.normal(0.0, 5.0, 153)
        for n in range(1, len(values)):
            values[n] += 0.8 * values[n - 1]
        found = newest_deviation(100 + values, newest=3)
        alarms += found is not None and found.is_off

    assert alarms <= 4


@pytest.mark.parametrize("level", [0.0, 5.0])
def test_a_change_after_a_constant_is_off(level: float) -> None:
    found = newest_deviation([level] * 30 + [level + 1.0] * 3, newest=3)

    assert found is not None
    assert found.is_off
    assert found.score > 0


def test_gaps_have_no_part_in_it() -> None:
    values = [*_history(50), 130.0, None, 128.0, float("inf"), 131.0, None]

    found = newest_deviation(values, newest=3)

    assert found is not None
    assert found.is_off
    assert found.newest == 130.0


def test_times_must_fit_the_values() -> None:
    with pytest.raises(ValueError, match="1 times for 20 values"):
        newest_deviation([1.0] * 20, times=[0])


@given(st.lists(st.none() | st.floats(width=32), max_size=60), st.integers(1, 6))
def test_whatever_the_values_an_answer_is_made_of_numbers(values: list[float | None], newest: int) -> None:
    times = [n * _DAY_NS for n in range(len(values))]
    found = newest_deviation(values, newest=newest, times=times)

    if found is not None:
        assert 0.0 <= found.chance <= 1.0
        assert not np.isnan([found.newest, found.expected, found.score, found.relative_change]).any()
