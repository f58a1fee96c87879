from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from makespan_analytics.cost.pipeline_costs import RunCost, run_costs
from makespan_analytics.forecasts.cost_growth import FEWEST_WEEKS, cost_growth, weeks_ahead
from makespan_analytics.profiles.trend import TrendKind
from support.pipeline_runs import job
from support.priced_runs import OWN_USD_PER_HOUR, of_provider, on

_WEEK_S = 7 * 86_400.0


def _costs(
    weeks: int, runs_in: Callable[[int], int], *, minutes: float = 60.0, label: str | None = "ours"
) -> list[RunCost]:
    """Runs spread over each week, and a last one that ends the newest week; an hour costs 3.60 USD."""
    places = [(week, place / runs_in(week)) for week in range(weeks) for place in range(runs_in(week))]
    starts = [(week + part) * _WEEK_S + 1.0 for week, part in places]
    runs = [
        of_provider(on(label, job("a", 0, minutes * 60)), run_id=str(number), after_s=start_s)
        for number, start_s in enumerate([0.0, *starts[1:], weeks * _WEEK_S])
    ]
    return run_costs(runs, OWN_USD_PER_HOUR)


def test_steady_runs_cost_what_they_did() -> None:
    found = cost_growth(_costs(20, lambda _: 10))
    assert found is not None
    assert (found.weeks, found.runs_per_week, found.follows_trend, found.unpriced_jobs) == (20, 10, False, 0)
    assert found.usd_per_run == pytest.approx(3.6)
    # The run that ends the newest week is one more in it.
    assert found.usd_per_week == pytest.approx(36, rel=0.06)
    assert found.expected_usd == pytest.approx(36 * 90 / 7, rel=0.06)
    assert found.low_usd <= found.expected_usd <= found.high_usd


def test_more_runs_every_week_are_a_trend_that_is_drawn_out() -> None:
    found = cost_growth(_costs(26, lambda week: 10 + week + week % 3))
    assert found is not None
    assert found.follows_trend
    assert found.cost_trend is not None
    assert found.cost_trend.per_week == pytest.approx(3.6, rel=0.05)
    assert found.runs_trend is not None
    assert found.runs_trend.kind is TrendKind.DRIFT
    assert found.price_trend is not None
    assert found.price_trend.kind is TrendKind.LEVEL
    # The thirteen weeks after the 26th at one run more each.
    expected = sum(3.6 * (10 + week + 1) for week in range(26, 26 + 13)) / 13 * 90 / 7
    assert found.expected_usd == pytest.approx(expected, rel=0.05)


def test_a_trend_is_not_drawn_out_beyond_the_history() -> None:
    found = cost_growth(_costs(11, lambda week: 10 + 2 * week))
    assert found is not None
    assert found.cost_trend is not None
    assert found.cost_trend.kind is TrendKind.DRIFT
    assert not found.follows_trend
    near = cost_growth(_costs(11, lambda week: 10 + 2 * week), days=30)
    assert near is not None
    assert near.follows_trend


def test_too_few_weeks_or_no_price_give_no_forecast() -> None:
    assert cost_growth(_costs(FEWEST_WEEKS - 1, lambda _: 5)) is None
    assert cost_growth(_costs(FEWEST_WEEKS, lambda _: 5)) is not None
    assert cost_growth(_costs(20, lambda _: 5, label=None)) is None
    assert cost_growth([]) is None


def test_weeks_without_a_run_cost_nothing_and_count() -> None:
    costs = _costs(20, lambda _: 7)
    first_ns, week_ns = costs[0].run.start_ns, round(_WEEK_S * 1e9)
    found = cost_growth([cost for cost in costs if (cost.run.start_ns - first_ns) // week_ns not in (8, 9)])
    assert found is not None
    assert found.runs_per_week == pytest.approx(7 * 18 / 20)
    assert found.usd_per_run == pytest.approx(3.6)


def test_jobs_without_a_price_are_counted() -> None:
    found = cost_growth([*_costs(10, lambda _: 5), *_costs(10, lambda _: 2, label=None)])
    assert found is not None
    assert found.unpriced_jobs == 21


def test_a_forecast_of_no_days_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        cost_growth([], days=0)


@pytest.mark.parametrize("wander", [0.0, 5.0])
def test_the_interval_holds_about_as_often_as_it_says_for_levels_that_stay_and_that_wander(wander: float) -> None:
    randomness = np.random.default_rng(4)
    held = 0
    for _ in range(300):
        values = 200 + np.cumsum(randomness.normal(0, wander, 39)) + randomness.normal(0, 20, 39)
        found = weeks_ahead(values[:26], 91)
        held += found.low <= values[26:].sum() <= found.high
    assert 0.7 <= held / 300 <= 0.99
