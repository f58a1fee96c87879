from __future__ import annotations

import numpy as np
import pytest

from makespan_analytics.forecasts.local_level import FEWEST, sum_ahead

USUAL = 0.01


def test_of_a_level_that_stays_the_mean_is_told() -> None:
    values = 50 + np.random.default_rng(1).normal(0, 3, 300)
    found = sum_ahead(values, 10, 0.0)
    assert found.level == pytest.approx(values.mean(), abs=1)
    assert (found.drift, found.drift_deviation) == (0, 0)
    assert found.expected == pytest.approx(10 * found.level)
    assert found.deviation == pytest.approx(3 * 10**0.5, rel=0.3)


def test_of_a_level_that_wanders_the_newest_values_are_told() -> None:
    randomness = np.random.default_rng(2)
    values = 50 + np.cumsum(randomness.normal(0, 5, 200)) + randomness.normal(0, 1, 200)
    found = sum_ahead(values, 4, 0.0)
    assert found.level == pytest.approx(values[-3:].mean(), abs=5)
    # The steps alone make a sum of four uncertain by 5 * sqrt(1 + 4 + 9 + 16); the formula is that of many steps.
    assert found.deviation == pytest.approx(5 * (1 + 4 + 9 + 16) ** 0.5, rel=0.4)


def test_a_drift_is_found_and_drawn_out() -> None:
    values = 100 + 2.0 * np.arange(60) + np.random.default_rng(3).normal(0, 2, 60)
    found = sum_ahead(values, 10, USUAL)
    assert found.drift == pytest.approx(2, abs=0.2)
    assert found.expected == pytest.approx(sum(100 + 2.0 * place for place in range(60, 70)), rel=0.02)


def test_a_level_that_wanders_far_is_hardly_taken_for_a_drift() -> None:
    randomness = np.random.default_rng(4)
    found = [sum_ahead(200 + np.cumsum(randomness.normal(0, 10, 40)), 10, USUAL) for _ in range(200)]
    # Within 2.58 standard deviations of none in 99 of 100 cases.
    assert sum(abs(one.drift) > 2.58 * one.drift_deviation for one in found) <= 6


def test_farther_ahead_is_less_certain_for_each_value() -> None:
    values = 50 + np.random.default_rng(5).normal(0, 3, 30)
    near, far = sum_ahead(values, 13, USUAL), sum_ahead(values, 130, USUAL)
    assert near.deviation / 13 < far.deviation / 130


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_equal_values_are_all_but_certain(value: float) -> None:
    found = sum_ahead(np.full(10, value), 3, USUAL)
    assert found.expected == pytest.approx(3 * value)
    assert found.deviation <= 1e-3 * value + 1e-12


def test_two_values_are_too_few() -> None:
    with pytest.raises(ValueError, match=f"from {FEWEST} values"):
        sum_ahead(np.array([1.0, 2.0]), 1, USUAL)
