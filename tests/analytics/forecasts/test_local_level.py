from __future__ import annotations

import numpy as np
import pytest

from makespan_analytics.forecasts.local_level import sum_ahead


def test_of_a_level_that_stays_the_mean_is_told() -> None:
    values = 50 + np.random.default_rng(1).normal(0, 3, 200)
    found = sum_ahead(values, 10)
    assert found.level == pytest.approx(values.mean(), abs=0.5)
    assert found.expected == pytest.approx(10 * found.level)
    assert found.deviation == pytest.approx(3 * 10**0.5, rel=0.25)


def test_of_a_level_that_wanders_the_newest_values_are_told() -> None:
    randomness = np.random.default_rng(2)
    values = 50 + np.cumsum(randomness.normal(0, 5, 200)) + randomness.normal(0, 1, 200)
    found = sum_ahead(values, 4)
    assert found.level == pytest.approx(values[-3:].mean(), abs=5)
    # The steps alone make a sum of four uncertain by 5 * sqrt(1 + 4 + 9 + 16); the formula is that of many steps.
    assert found.deviation == pytest.approx(5 * (1 + 4 + 9 + 16) ** 0.5, rel=0.4)


def test_farther_ahead_is_less_certain_and_equal_values_are_certain() -> None:
    values = 50 + np.random.default_rng(3).normal(0, 3, 30)
    near, far = sum_ahead(values, 4), sum_ahead(values, 13)
    assert near.deviation / near.expected < far.deviation / far.expected or near.deviation < far.deviation
    assert sum_ahead(np.full(10, 7.0), 3).deviation == pytest.approx(0.0, abs=1e-6)


def test_two_values_are_too_few() -> None:
    with pytest.raises(ValueError, match="three values"):
        sum_ahead(np.array([1.0, 2.0]), 1)
