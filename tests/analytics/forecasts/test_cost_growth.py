from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from makespan_analytics.cost.pipeline_costs import RunCost, run_costs
from makespan_analytics.forecasts.cost_growth import FEWEST_WEEKS, cost_growth, weeks_ahead
from support.pipeline_runs import job
from support.priced_runs import OWN_USD_PER_HOUR, of_provider, on

_WEEK_S = 7 * 86_400.0


def _costs(
    weeks: int, runs_in: Callable[[int], int], *, minutes: float = 60.0, label: str | None = "ours"
) -> list[RunCost]:
    """Runs spread over each week, and one that ends the newest week; an hour costs 3.60 USD."""
    starts = [(week + place / runs_in(week)) * _WEEK_S for week in range(weeks) for place in range(runs_in(week))]
    runs = [
        of_provider(on(label, job("a", 0, minutes * 60)), run_id=str(number), after_s=start_s)
        for number, start_s in enumerate([*starts, weeks * _WEEK_S])
    ]
    return run_costs(runs, OWN_USD_PER_HOUR)


def test_steady_runs_cost_what_they_did() -> None:
    found = cost_growth(_costs(20, lambda _: 10))
    assert found is not None
    assert (found.weeks, found.cost.is_certain, found.unpriced_jobs) == (20, False, 0)
    assert found.usd_per_run is not None
    assert found.usd_per_run.level == pytest.approx(3.6)
    assert found.runs.level == pytest.approx(10)
    assert found.cost.level == pytest.approx(36)
    assert found.expected_usd == pytest.approx(36 * 90 / 7)
    assert found.low_usd <= found.expected_usd <= found.high_usd


def test_more_runs_every_week_are_growth_that_goes_on() -> None:
    found = cost_growth(_costs(26, lambda week: 30 + week + week % 3))
    assert found is not None
    assert found.cost.is_certain
    assert found.cost.per_week == pytest.approx(3.6, rel=0.1)
    assert found.runs.is_certain
    assert found.usd_per_run is not None
    assert not found.usd_per_run.is_certain
    # The thirteen weeks after the 26th at one run more each.
    expected = sum(3.6 * (30 + week + 1) for week in range(26, 26 + 13)) / 13 * 90 / 7
    assert found.expected_usd == pytest.approx(expected, rel=0.05)
    assert found.low_usd <= expected <= found.high_usd


def test_dearer_runs_are_told_from_more_of_them() -> None:
    costs = [
        cost
        for week in range(26)
        for cost in run_costs(
            [
                of_provider(
                    on("ours", job("a", 0, 3600 + 120 * week)),
                    run_id=f"{week}.{place}",
                    after_s=(week + place / 10) * _WEEK_S,
                )
                for place in range(10)
            ],
            OWN_USD_PER_HOUR,
        )
    ]
    found = cost_growth(costs)
    assert found is not None
    assert not found.runs.is_certain
    assert found.usd_per_run is not None
    assert found.usd_per_run.is_certain
    assert found.usd_per_run.per_week == pytest.approx(0.12, rel=0.1)


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
    assert found.weeks == 20
    assert found.runs.level < 7
    assert found.usd_per_run is not None
    assert found.usd_per_run.level == pytest.approx(3.6)


def test_jobs_without_a_price_are_counted() -> None:
    found = cost_growth([*_costs(10, lambda _: 5), *_costs(10, lambda _: 2, label=None)])
    assert found is not None
    assert found.unpriced_jobs == 21


def test_a_forecast_of_no_days_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        cost_growth([], days=0)


@pytest.mark.parametrize("drift", [0.0, 3.0])
@pytest.mark.parametrize("wander", [0.0, 5.0])
def test_the_interval_holds_about_as_often_as_it_says_for_levels_that_stay_wander_or_drift(
    wander: float, drift: float
) -> None:
    randomness = np.random.default_rng(4)
    held = certain = 0
    for _ in range(300):
        level = 200 + np.cumsum(randomness.normal(0, wander, 39)) + drift * np.arange(39)
        values = level + randomness.normal(0, 20, 39)
        found = weeks_ahead(values[:26], 91)
        held += found.low <= values[26:].sum() <= found.high
        certain += found.growth.is_certain
    assert 0.75 <= held / 300 <= 0.97
    assert (certain > 90) if drift else (certain <= 15)


def test_what_falls_towards_nothing_does_not_cost_less_than_nothing() -> None:
    found = weeks_ahead(np.linspace(100, 1, 26), 365)
    assert (found.expected >= 0, found.low) == (True, 0.0)
    assert found.growth.is_certain
    assert found.growth.per_week < 0
