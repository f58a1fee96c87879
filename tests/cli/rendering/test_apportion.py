from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_cli.rendering.apportion import apportion


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=60), st.integers(60, 300))
def test_every_part_is_seen_and_all_columns_are_used(amounts: list[float], columns: int) -> None:
    widths = apportion(amounts, columns)
    assert sum(widths) == columns
    assert min(widths) >= 1


@given(st.lists(st.floats(1.0, 2.0), min_size=1, max_size=20), st.integers(60, 300))
def test_parts_that_all_have_a_column_are_within_one_column_of_their_share(amounts: list[float], columns: int) -> None:
    for amount, width in zip(amounts, apportion(amounts, columns), strict=True):
        assert abs(width - amount / sum(amounts) * columns) < 1 + 1e-6


def test_a_tiny_part_takes_its_column_from_the_widest() -> None:
    assert apportion([0.001, 5.0, 5.0, 90.0], 20) == [1, 1, 1, 17]


def test_nothing_divides_into_nothing() -> None:
    assert apportion([], 10) == []


@pytest.mark.parametrize("amounts", [[0.0, 1.0], [-1.0], [1.0] * 11])
def test_what_cannot_be_shown_is_refused(amounts: list[float]) -> None:
    with pytest.raises(ValueError, match="cannot divide 10 columns"):
        apportion(amounts, 10)
