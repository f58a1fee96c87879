"""What a pipeline will cost: runs a week times cost of a run, whether either grows, and what that makes in 90 days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import stdtrit

from makespan_analytics.change_points.robustness import Floats
from makespan_analytics.cost.pipeline_costs import RunCost
from makespan_analytics.forecasts.local_level import sum_ahead
from makespan_analytics.profiles.trend import Times, Trend, TrendKind, trend

DAYS = 90
COVERAGE = 0.8
FEWEST_WEEKS = 6
"""Whole weeks under which nothing is forecast: the spread of fewer is hardly known (Student's t of four)."""
FEWEST_WEEKS_FOR_TREND = 8
"""From here on a week after week growing cost has a chance under 1 % where there is no growth."""
_MOST_WEEKS = 52
"""What was more than a year ago says little of the next quarter."""
_NS_PER_WEEK = 7 * 86_400 * 10**9
_TREND_Z = 1.6448536269514722
"""A trend's interval is 90 %: so many deviations on either side."""


@dataclass(frozen=True, slots=True)
class CostGrowth:
    """The cost of the next days.

    Attributes:
        weeks: Whole weeks looked at, counted back from the newest run.
        runs_per_week: Mean over them.
        usd_per_week: What the newest weeks cost, noise taken out.
        usd_per_run: Median over the weeks of a run's mean cost; None where no week had a run.
        cost_trend: Of the cost of a week, `runs_trend` of the number of runs, `price_trend` of a run's cost; None for
            fewer than `FEWEST_WEEKS_FOR_TREND` weeks.
        follows_trend: Whether the forecast goes on growing or falling. Otherwise it goes on at the newest level: there
            is no trend that could not be chance, or the history is shorter than what it is to be drawn out to.
        expected_usd: For the next `days`.
        low_usd: Lower end of an interval for `COVERAGE` of cases, `high_usd` its upper end, as long as costs go on to
            move as they did.
        unpriced_jobs: Jobs without a known price, which the sums lack.
    """

    weeks: int
    runs_per_week: float
    usd_per_week: float
    usd_per_run: float | None
    cost_trend: Trend | None
    runs_trend: Trend | None
    price_trend: Trend | None
    follows_trend: bool
    days: int
    expected_usd: float
    low_usd: float
    high_usd: float
    unpriced_jobs: int


def cost_growth(costs: Sequence[RunCost], *, days: int = DAYS) -> CostGrowth | None:
    """Forecast the cost of one or many pipelines together.

    Args:
        costs: Of all runs, in any order, of whatever result: failed runs cost as well.
        days: How far ahead.

    Returns:
        None for fewer than `FEWEST_WEEKS` whole weeks, or where no job has a price.

    Raises:
        ValueError: `days` is under 1.
    """
    if days < 1:
        raise ValueError(f"a forecast is of at least one day, not {days}")
    starts_ns = np.array([cost.run.start_ns for cost in costs], dtype=np.int64)
    usd = np.array([cost.usd for cost in costs], dtype=np.float64)
    unpriced = sum(job.usd is None for cost in costs for job in cost.jobs)
    has_price = any(job.usd is not None for cost in costs for job in cost.jobs)
    weekly = _weekly(starts_ns, usd) if has_price else None
    if weekly is None:
        return None
    runs, spent = weekly
    ends_ns = np.arange(1, len(runs) + 1, dtype=np.int64) * _NS_PER_WEEK
    price = spent[runs > 0] / runs[runs > 0]
    ahead = weeks_ahead(spent, days)
    return CostGrowth(
        weeks=len(runs),
        runs_per_week=float(runs.mean()),
        usd_per_week=ahead.level,
        usd_per_run=float(np.median(price)) if len(price) else None,
        cost_trend=ahead.trend,
        runs_trend=_trend(runs, ends_ns),
        price_trend=_trend(price, ends_ns[runs > 0]),
        follows_trend=ahead.follows_trend,
        days=days,
        expected_usd=ahead.expected,
        low_usd=ahead.low,
        high_usd=ahead.high,
        unpriced_jobs=unpriced,
    )


def _weekly(starts_ns: Times, usd: Floats) -> tuple[Floats, Floats] | None:
    """Runs and cost of each whole week up to the newest run, oldest first; weeks without a run count as such."""
    if not len(starts_ns):
        return None
    ago = (starts_ns.max() - starts_ns) // _NS_PER_WEEK
    # The oldest week is whole only where runs reach back beyond it.
    count = min(int(ago.max()), _MOST_WEEKS)
    if count < FEWEST_WEEKS:
        return None
    is_within = ago < count
    weeks = count - 1 - ago[is_within]
    runs, spent = np.bincount(weeks, minlength=count), np.bincount(weeks, usd[is_within], count)
    return runs.astype(np.float64), spent.astype(np.float64)


def _trend(values: Floats, ends_ns: Times) -> Trend | None:
    return trend(values, ends_ns, fewest=FEWEST_WEEKS_FOR_TREND)


@dataclass(frozen=True, slots=True)
class WeeksAhead:
    """The sum of the weeks to come, and what it is told from; fields as those of `CostGrowth`."""

    level: float
    trend: Trend | None
    follows_trend: bool
    expected: float
    low: float
    high: float


def weeks_ahead(weekly: Floats, days: int) -> WeeksAhead:
    """Forecast a sum over the next days; none of it can be negative.

    A slope is followed where the weeks have one beyond chance. Beside it the level wanders, as a project's activity
    does; both make the sum uncertain.

    Args:
        weekly: Sums of whole weeks, oldest first, at least `FEWEST_WEEKS`.
        days: How far ahead.
    """
    count, horizon = len(weekly), days / 7.0
    found = _trend(weekly, np.arange(1, count + 1, dtype=np.int64) * _NS_PER_WEEK)
    slope = error = 0.0
    if found is not None and found.kind is TrendKind.DRIFT and count >= horizon:
        slope, error = found.per_week, (found.high - found.low) / 2.0 / _TREND_Z
    ages = np.arange(count, dtype=np.float64) - (count - 1)
    ahead = sum_ahead(weekly - slope * ages, horizon)
    # The n-th week ahead is n slopes above the level.
    slopes = horizon * (horizon + 1.0) / 2.0
    expected = max(0.0, ahead.expected + slopes * slope)
    quantile = float(stdtrit(count - 1, 1.0 - (1.0 - COVERAGE) / 2.0))
    reach = quantile * sqrt(ahead.deviation**2 + (slopes * error) ** 2)
    return WeeksAhead(
        max(0.0, ahead.level), found, slope != 0.0, expected, max(0.0, expected - reach), expected + reach
    )
