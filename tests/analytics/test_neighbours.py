from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from makespan_analytics.neighbours import NEIGHBOURS, neighbour_gaps, paired_difference

KINDS = st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=2, max_size=40)


@given(KINDS, st.integers(-50, 50))
def test_gaps_do_not_see_what_both_kinds_share(told: list[tuple[int, bool]], shared: int) -> None:
    values = [float(value) for value, _ in told]
    is_case = [case for _, case in told]
    is_other = [not case for case in is_case]
    gaps = neighbour_gaps(values, is_case, is_other)
    assert gaps == neighbour_gaps([value + shared for value in values], is_case, is_other)
    assert len(gaps) == (sum(is_case) if any(is_other) else 0)


def test_only_the_nearest_others_on_either_side_count() -> None:
    values = [0.0] * 10 + [5.0] * NEIGHBOURS + [7.0] + [6.0] * NEIGHBOURS + [100.0] * 10
    is_case = [value == 7.0 for value in values]
    assert neighbour_gaps(values, is_case, [not case for case in is_case]) == [7.0 - 5.5]


@given(st.lists(st.integers(-20, 20), min_size=5, max_size=60))
def test_the_chance_is_that_of_the_sign_test(gaps: list[int]) -> None:
    found = paired_difference(gaps, 5)
    assert found is not None
    assert found.low <= found.value <= found.high
    above, below = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
    expected = binomtest(above, above + below).pvalue if above + below else 1.0
    assert found.chance == pytest.approx(expected)


def test_too_few_pairs_say_nothing() -> None:
    assert paired_difference([1.0] * 4, 5) is None
    assert paired_difference([], 0) is None
