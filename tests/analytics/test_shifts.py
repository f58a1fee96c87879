from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from makespan_analytics.shifts import shift

GROUP = st.lists(st.integers(0, 1000), min_size=4, max_size=30)


@given(GROUP, GROUP, st.integers(0, 500))
def test_moving_a_group_moves_the_shift_and_swapping_turns_it_around(
    first: list[int], second: list[int], by: int
) -> None:
    one, other = np.array(first, dtype=float), np.array(second, dtype=float)
    found, moved, swapped = shift(one, other), shift(one + by, other), shift(other, one)
    assert found is not None
    assert moved is not None
    assert swapped is not None
    assert found.low <= found.value <= found.high
    assert moved.value == pytest.approx(found.value + by)
    assert (swapped.value, swapped.low, swapped.high) == pytest.approx((-found.value, -found.high, -found.low))


@given(GROUP, GROUP)
def test_the_chance_is_that_of_mann_and_whitneys_test(first: list[int], second: list[int]) -> None:
    one, other = np.array(first, dtype=float), np.array(second, dtype=float)
    found = shift(one, other)
    assert found is not None
    if len(set(first + second)) > 1:
        assert found.chance == pytest.approx(mannwhitneyu(one, other, method="asymptotic").pvalue)
    else:
        assert found.chance == 1.0


def test_the_interval_holds_the_true_shift_as_often_as_it_says() -> None:
    randomness = np.random.default_rng(2)
    held = 0
    for _ in range(400):
        found = shift(randomness.exponential(5, 12) + 3, randomness.exponential(5, 25))
        assert found is not None
        held += found.low <= 3 <= found.high
    assert 342 <= held <= 384


def test_three_of_a_group_say_nothing() -> None:
    assert shift(np.arange(3.0), np.arange(50.0)) is None
    assert shift(np.arange(50.0), np.arange(3.0)) is None
