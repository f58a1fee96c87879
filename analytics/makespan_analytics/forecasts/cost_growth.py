"""What a pipeline will cost: runs a week times cost of a run, whether either grows, and what that makes in 90 days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from makespan_analytics.change_points.robustness import Floats
from makespan_analytics.cost.pipeline_costs import RunCost
from makespan_analytics.forecasts.local_level import sum_ahead

DAYS = 90
COVERAGE = 0.8
FEWEST_WEEKS = 6
"""Whole weeks under which nothing is forecast: the spread of fewer is hardly known (Student's t of four)."""
_MOST_WEEKS = 52
"""What was more than a year ago says little of the next quarter."""
_USUAL_GROWTH = log(2.0) / 52.0
"""A week's growth to be expected before any run is seen, as a standard deviation: twice or half as much in a year."""
_CERTAIN_Z = 2.5758293035489004
"""A growth so many of its deviations from zero has a chance under 1 % where there is none."""
_INTERVAL_Z = 1.6448536269514722
"""90 % of a normal law lie within so many deviations."""
_NS_PER_WEEK = 7 * 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Growth:
    """What is gained each week.

    Attributes:
        level: A week now, noise taken out.
        per_week: The gain, in the level's unit; `low` and `high` enclose it in 90 of 100 cases.
        is_certain: Whether it is beyond chance. Otherwise it is not to be called a trend.
    """

    level: float
    per_week: float
    low: float
    high: float
    is_certain: bool


@dataclass(frozen=True, slots=True)
class CostGrowth:
    """The cost of the next days.

    Attributes:
        weeks: Whole weeks looked at, counted back from the newest run.
        cost: USD of a week, and what it gains.
        runs: Number of runs in a week, likewise: whether more is run …
        usd_per_run: … or a run costs more; None where too few weeks had a run.
        days: How far ahead `expected_usd` reaches; it holds what growth is probable, certain or not.
        low_usd: Lower end of an interval for `COVERAGE` of cases, `high_usd` its upper end, as long as costs go on to
            move as they did.
        unpriced_jobs: Jobs without a known price, which the sums lack.
    """

    weeks: int
    cost: Growth
    runs: Growth
    usd_per_run: Growth | None
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
    jobs = [job for cost in costs for job in cost.jobs]
    starts_ns = np.array([cost.run.start_ns for cost in costs], dtype=np.int64)
    usd = np.array([cost.usd for cost in costs], dtype=np.float64)
    weekly = _weekly(starts_ns, usd) if any(job.usd is not None for job in jobs) else None
    if weekly is None:
        return None
    runs, spent = weekly
    prices = spent[runs > 0] / runs[runs > 0]
    ahead = weeks_ahead(spent, days)
    return CostGrowth(
        weeks=len(runs),
        cost=ahead.growth,
        runs=weeks_ahead(runs, days).growth,
        usd_per_run=weeks_ahead(prices, days).growth if len(prices) >= FEWEST_WEEKS else None,
        days=days,
        expected_usd=ahead.expected,
        low_usd=ahead.low,
        high_usd=ahead.high,
        unpriced_jobs=sum(job.usd is None for job in jobs),
    )


@dataclass(frozen=True, slots=True)
class WeeksAhead:
    """The sum of the weeks to come with an interval for `COVERAGE` of cases, and the growth that it holds."""

    growth: Growth
    expected: float
    low: float
    high: float


def weeks_ahead(weekly: Floats, days: int) -> WeeksAhead:
    """Forecast a sum over the next days; none of it can be negative.

    Args:
        weekly: Sums of whole weeks, oldest first, at least `FEWEST_WEEKS`.
        days: How far ahead.
    """
    ahead = sum_ahead(weekly, days / 7.0, _USUAL_GROWTH)
    expected = max(0.0, ahead.expected)
    # The noise is told from these weeks as well: Student's law rather than the normal one.
    reach = float(stdtrit(len(weekly) - 1, (1.0 + COVERAGE) / 2.0)) * ahead.deviation
    around = _INTERVAL_Z * ahead.drift_deviation
    growth = Growth(
        level=max(0.0, ahead.level),
        per_week=ahead.drift,
        low=ahead.drift - around,
        high=ahead.drift + around,
        is_certain=abs(ahead.drift) > _CERTAIN_Z * ahead.drift_deviation,
    )
    return WeeksAhead(growth, expected, max(0.0, expected - reach), expected + reach)


def _weekly(starts_ns: npt.NDArray[np.int64], usd: Floats) -> tuple[Floats, Floats] | None:
    """Runs and cost of each whole week up to the newest run, oldest first; weeks without a run count as such."""
    if not len(starts_ns):
        return None
    end_ns = int(starts_ns.max())
    count = min((end_ns - int(starts_ns.min())) // _NS_PER_WEEK, _MOST_WEEKS)
    if count < FEWEST_WEEKS:
        return None
    # The newest run only ends its week: counted in it, it would make a week of every ten runs one of eleven.
    ago = (end_ns - 1 - starts_ns) // _NS_PER_WEEK
    is_within = (ago >= 0) & (ago < count)
    weeks = count - 1 - ago[is_within]
    runs, spent = np.bincount(weeks, minlength=count), np.bincount(weeks, usd[is_within], count)
    return runs.astype(np.float64), spent.astype(np.float64)
