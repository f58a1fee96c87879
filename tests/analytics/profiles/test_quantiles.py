from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from makespan_analytics.profiles.quantiles import COVERAGE, PROBABILITIES, quantiles, ranks

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=80)


@given(VALUES)
def test_quantiles_rise_and_lie_within_the_values_and_their_intervals(values: list[float]) -> None:
    found = quantiles(np.array(values))
    assert [one.probability for one in found] == list(PROBABILITIES)
    assert [one.value for one in found] == sorted(one.value for one in found)
    for one in found:
        assert min(values) <= one.value <= max(values)
        assert one.low is None or one.low <= one.value
        assert one.high is None or one.high >= one.value


@pytest.mark.parametrize("probability", PROBABILITIES)
@pytest.mark.parametrize("count", [1, 4, 5, 20, 59, 300])
def test_intervals_are_the_narrowest_that_miss_on_either_side_no_more_often_than_allowed(
    count: int, probability: float
) -> None:
    low, high = ranks(count, probability)
    tail = (1 - COVERAGE) / 2 + 2e-12
    below = binom(count, probability)
    if low is not None:
        assert below.cdf(low) <= tail
    assert below.cdf(0 if low is None else low + 1) > tail
    if high is not None:
        assert below.sf(high) <= tail
    assert below.sf(count - 1 if high is None else high - 1) > tail


def test_a_late_quantile_of_few_runs_has_no_upper_end() -> None:
    found = {one.probability: one for one in quantiles(np.arange(20.0))}
    assert found[0.95].high is None
    assert found[0.5].high is not None
    assert found[0.5].value == pytest.approx(9.5)


def test_no_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        quantiles(np.empty(0))
