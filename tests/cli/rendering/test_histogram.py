from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from makespan_cli.rendering.histogram import bar, bins


@given(st.lists(st.floats(0, 1e7), max_size=300))
def test_every_value_is_in_one_bin_and_bins_touch(values: list[float]) -> None:
    found = bins(values)
    assert sum(one.count for one in found) == len(values)
    assert len(found) <= 12
    for one, following in pairwise(found):
        assert one.low < one.high
        assert abs(one.high - following.low) <= 1e-9 * one.high


def test_a_far_outlier_does_not_squeeze_the_others_into_one_bin() -> None:
    found = bins([*map(float, range(1000)), 1e9])
    assert found[-1].low < 1000
    assert min(one.count for one in found) > 50


def test_equal_values_are_one_bin() -> None:
    (only,) = bins([5.0] * 10)
    assert (only.low, only.high, only.count) == (5.0, 5.0, 10)


def test_the_highest_bar_is_full_and_a_rare_value_is_seen() -> None:
    assert bar(100, 100, 20, ascii_only=False) == "█" * 20
    assert bar(1, 1000, 20, ascii_only=True) == "#"
    assert bar(0, 100, 20, ascii_only=False) == ""
