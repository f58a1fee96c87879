from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import theilslopes

from makespan_analytics.change_points import detect
from makespan_analytics.profiles.trend import FEWEST, TrendKind, trend

_HOUR_NS = 3_600 * 10**9
_HOURS_A_WEEK = 168


def _times(count: int, hours: int = 12) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * hours * _HOUR_NS


def test_a_drift_is_found_with_its_slope_despite_outliers() -> None:
    randomness = np.random.default_rng(3)
    values = 100 + np.arange(200) * 0.5 + randomness.normal(0, 5, 200)
    values[::25] *= 20
    found = trend(values, _times(200))
    assert found is not None
    assert found.kind is TrendKind.DRIFT
    # Half a second a run, fourteen runs a week.
    assert found.low <= 7 <= found.high
    assert found.per_week == pytest.approx(7, rel=0.15)
    assert found.chance < 1e-6


def test_the_slope_is_theil_and_sens() -> None:
    randomness = np.random.default_rng(4)
    values, times = randomness.normal(50, 5, 40), _times(40)
    found = trend(values, times)
    assert found is not None
    reference = theilslopes(values, times / (_HOURS_A_WEEK * _HOUR_NS))
    assert found.per_week == pytest.approx(reference.slope)


def test_steps_are_told_from_a_drift() -> None:
    randomness = np.random.default_rng(5)
    values = np.where(np.arange(120) < 60, 30, 45) + randomness.normal(0, 0.5, 120)
    found = trend(values, _times(120), detect(values))
    assert found is not None
    assert found.kind is TrendKind.STEPS


def test_a_drift_is_not_taken_for_steps_though_it_looks_like_some() -> None:
    values = 100 + np.arange(200) * 0.5 + np.random.default_rng(6).normal(0, 5, 200)
    found = trend(values, _times(200), detect(values))
    assert found is not None
    assert found.kind is TrendKind.DRIFT


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_series_without_a_drift_seldom_have_one(correlation: float) -> None:
    randomness = np.random.default_rng(7)
    drifts = 0
    for _ in range(300):
        noise = randomness.normal(0, 1, 120)
        for place in range(1, 120):
            noise[place] += correlation * noise[place - 1]
        found = trend(50 + 5 * noise, _times(120))
        assert found is not None
        drifts += found.kind is not TrendKind.LEVEL
    assert drifts <= 9  # One in a hundred is allowed for independent runs, with room for chance.


def test_equal_values_are_a_level() -> None:
    found = trend(np.full(50, 7.0), _times(50))
    assert found is not None
    assert (found.kind, found.per_week, found.chance) == (TrendKind.LEVEL, 0.0, 1.0)


def test_too_few_runs_or_days_say_nothing() -> None:
    assert trend(np.arange(FEWEST - 1.0), _times(FEWEST - 1)) is None
    assert trend(np.arange(100.0), _times(100) // 1000) is None
    assert trend(np.empty(0), _times(0)) is None
