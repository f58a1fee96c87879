from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.caching.hit_ratios import FEWEST_FOR_TREND, HitCounts, count_outcomes, hit_trend
from makespan_analytics.caching.restores import Restore, restores_of
from makespan_model.records import CacheOutcome
from support.cache_runs import HIT, MISS, PARTIAL, cached_run


def _restores(*outcomes: CacheOutcome) -> list[Restore]:
    return restores_of([cached_run(number, outcome, hours=number) for number, outcome in enumerate(outcomes)])


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_ratios_add_up_and_lie_within_their_intervals(hits: int, partials: int, misses: int) -> None:
    counts = HitCounts(hits, partials, misses)
    if not counts.restores:
        with pytest.raises(ValueError, match="at least one"):
            counts.ratio(HIT)
        return
    ratios = [counts.ratio(outcome) for outcome in (HIT, PARTIAL, MISS)]
    assert sum(one.value for one in ratios) == pytest.approx(1)
    for one in ratios:
        assert 0 <= one.low <= one.value <= one.high <= 1


def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says() -> None:
    randomness = np.random.default_rng(1)
    held = 0
    for hits in randomness.binomial(40, 0.8, 1000).tolist():
        ratio = HitCounts(hits, 0, 40 - hits).ratio(HIT)
        held += ratio.low <= 0.8 <= ratio.high
    assert 870 <= held <= 940


def test_outcomes_are_counted() -> None:
    assert count_outcomes(_restores(HIT, MISS, PARTIAL, HIT)) == HitCounts(2, 1, 1)


def test_rarer_hits_are_a_trend_and_the_same_number_mixed_is_none() -> None:
    falling = hit_trend(_restores(*[HIT] * 15, *[MISS] * 15))
    assert falling is not None
    assert (falling.earlier_ratio, falling.later_ratio) == (1, 0)
    assert falling.chance < 0.001
    mixed = hit_trend(_restores(*[HIT, MISS] * 15))
    assert mixed is not None
    assert mixed.chance > 0.5


def test_all_hits_have_no_trend_and_few_restores_are_not_looked_at() -> None:
    steady = hit_trend(_restores(*[HIT] * 30))
    assert steady is not None
    assert steady.chance == 1.0
    assert hit_trend(_restores(*[HIT] * (FEWEST_FOR_TREND - 1))) is None
