from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.table_columns import UNKNOWN, codes, floats, groups, is_one_of, joined

ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, 3, None])), max_size=20)


def _table(rows: list[tuple[str | None, int | None]]) -> pa.Table:
    return pa.table({"x": pa.array([x for x, _ in rows], pa.string()), "y": pa.array([y for _, y in rows], pa.int64())})


@given(ROWS)
def test_codes_name_each_rows_combination_and_groups_hold_its_places(rows: list[tuple[str | None, int | None]]) -> None:
    numbers, told = codes(_table(rows), "x", "y")
    for row, number in zip(rows, numbers.tolist(), strict=True):
        if None in row:
            assert number == UNKNOWN
        else:
            assert told[number] == row
    known = [row for row in rows if None not in row]
    assert told == list(dict.fromkeys(known))  # Numbered by first appearance.
    found = {told[number]: places.tolist() for number, places in groups(numbers)}
    assert found == {row: [place for place, other in enumerate(rows) if other == row] for row in known}


@given(ROWS, ROWS)
def test_joined_finds_a_row_with_the_same_keys(
    rows: list[tuple[str | None, int | None]], others: list[tuple[str | None, int | None]]
) -> None:
    found = joined(_table(rows), _table(others), ("x", "y"))
    for row, place in zip(rows, found.tolist(), strict=True):
        if None in row or row not in others:
            assert place == UNKNOWN
        else:
            assert others[place] == row


def test_lists_are_levels_too_and_nulls_are_nan() -> None:
    table = pa.table({"labels": [["a", "b"], None, ["a", "b"], []], "n": pa.array([1, None, 2, 3], pa.int32())})
    assert codes(table, "labels")[0].tolist() == [0, UNKNOWN, 0, 1]
    assert np.isnan(floats(table, "n")).tolist() == [False, True, False, False]
    assert is_one_of(pa.table({"r": ["x", "y", None]}), "r", "y", "z").tolist() == [False, True, False]
