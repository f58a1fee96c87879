from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.sizing.memory_size import (
    FAILURE_WEIGHT,
    HEADROOM_RATIO,
    _wasted,
    memory_size,
)

GIB = 1024.0**3
MINUTE = 60.0


def test_fewer_than_five_runs_get_no_size() -> None:
    assert memory_size(np.full(4, GIB), np.full(4, MINUTE)) is None


def test_equal_runs_get_little_more_than_they_use() -> None:
    size = memory_size(np.full(100, GIB), np.full(100, MINUTE))
    assert size is not None
    assert GIB * HEADROOM_RATIO <= size.size_bytes < 1.15 * GIB


def test_few_runs_get_more_room_and_more_stated_risk_than_many() -> None:
    random = np.random.default_rng(2)
    peaks = random.normal(GIB, GIB / 100, 200)
    few, many = (memory_size(peaks[-n:], np.full(n, MINUTE)) for n in (6, 200))
    assert few is not None
    assert many is not None
    assert few.size_bytes > many.size_bytes
    assert few.risk_high - few.risk_low > many.risk_high - many.risk_low


@given(
    st.lists(st.floats(1e6, 1e11), min_size=5, max_size=60),
    st.sampled_from([0.001, 0.02, 0.1, 0.5]),
)
def test_the_risk_left_is_never_above_the_one_accepted(peaks: list[float], highest_risk: float) -> None:
    size = memory_size(np.array(peaks), np.full(len(peaks), MINUTE), highest_risk=highest_risk)
    assert size is not None
    assert size.risk <= highest_risk + 1e-9
    assert size.risk_low <= size.risk_high
    assert size.runs + size.runs_before == len(peaks)


def test_a_rare_giant_is_left_to_a_second_attempt_where_the_risk_allows_it() -> None:
    peaks = np.full(200, GIB / 10)
    peaks[[20, 70, 120]] = 8 * GIB
    allowed = memory_size(peaks, np.full(200, MINUTE), highest_risk=0.05)
    refused = memory_size(peaks, np.full(200, MINUTE), highest_risk=0.01)
    assert allowed is not None
    assert refused is not None
    assert allowed.size_bytes < GIB
    assert refused.size_bytes >= 8 * GIB


def test_the_expected_waste_is_that_of_playing_the_attempts() -> None:
    """The closed form beside the obvious loop."""

    def played(size: float, peak: float) -> float:
        wasted = 0.0
        while size < peak:
            wasted += FAILURE_WEIGHT * size
            size *= 2
        return wasted + size - peak

    random = np.random.default_rng(4)
    sizes, peaks = random.uniform(1, 100, 30), random.uniform(1, 1000, 40)
    expected = np.array([[played(size, peak) for peak in peaks] for size in sizes]).sum(axis=1)
    np.testing.assert_allclose(_wasted(sizes, peaks, np.ones(40), FAILURE_WEIGHT), expected)


@pytest.mark.parametrize("risk", [0.0, 0.6, -1.0, float("nan")])
def test_a_risk_nobody_can_keep_is_refused(risk: float) -> None:
    with pytest.raises(ValueError, match="accepted risk"):
        memory_size(np.full(9, GIB), np.full(9, MINUTE), highest_risk=risk)


def test_runs_without_any_duration_are_sized() -> None:
    size = memory_size(np.full(9, GIB), np.zeros(9))
    assert size is not None
    assert size.size_bytes > GIB
