"""Columns of the store's series tables as arrays, and rows grouped by what they are of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

UNKNOWN = -1
"""The code of a null."""


def floats(table: pa.Table, name: str) -> Floats:
    """A column of numbers; NaN stands for null."""
    found: Floats = pc.cast(table[name], pa.float64()).to_numpy()
    return found


def integers(table: pa.Table, name: str) -> Integers:
    """A column of integers that has no nulls, such as times in nanoseconds, which floats would round."""
    found: Integers = table[name].to_numpy()
    return found


def codes(table: pa.Table, *names: str) -> tuple[Integers, list[tuple[Any, ...]]]:
    """The number of each row's combination of values, and the combinations; `UNKNOWN` where any of them is null.

    Combinations are numbered in the order of their first rows.
    """
    combined = np.zeros(table.num_rows, dtype=np.int64)
    is_unknown = np.zeros(table.num_rows, dtype=np.bool_)
    columns: list[tuple[Integers, list[Any]]] = []
    for name in names:
        column, values = _dictionary(table[name])
        is_unknown |= column < 0
        combined = combined * (len(values) + 1) + column
        columns.append((column, values))
    combined[is_unknown] = UNKNOWN
    known, first, numbers = np.unique(combined, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    order = order[known[order] != UNKNOWN]
    renumbered = np.full(len(known), UNKNOWN, dtype=np.int64)
    renumbered[order] = np.arange(len(order))
    told = [tuple(values[column[first[place]]] for column, values in columns) for place in order.tolist()]
    found: Integers = renumbered[numbers]
    return found, told


def is_one_of(table: pa.Table, name: str, *values: str) -> Flags:
    """Whether each row has one of these values."""
    found: Flags = pc.is_in(table[name], pa.array(values, pa.string())).to_numpy(zero_copy_only=False)
    return found


def groups(numbers: Integers) -> Iterator[tuple[int, Integers]]:
    """Each code but `UNKNOWN`, in order, with the places of its rows in their order."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    borders = np.flatnonzero(np.diff(ordered)) + 1
    for places in np.split(order, borders):
        if len(places) and numbers[places[0]] != UNKNOWN:
            yield int(numbers[places[0]]), places


def joined(table: pa.Table, other: pa.Table, keys: Sequence[str]) -> Integers:
    """The place of each row's counterpart in another table, by equal keys; `UNKNOWN` where there is none."""
    together = pa.concat_tables([other.select(list(keys)), table.select(list(keys))])
    numbers, combinations = codes(together, *keys)
    of_other, of_table = numbers[: other.num_rows], numbers[other.num_rows :]
    place_of = np.full(len(combinations) + 1, UNKNOWN, dtype=np.int64)
    known = np.flatnonzero(of_other >= 0)
    place_of[of_other[known]] = known
    # The last place belongs to no combination: the code of a null finds it.
    found: Integers = place_of[of_table]
    return found


def _dictionary(column: pa.ChunkedArray) -> tuple[Integers, list[Any]]:
    if pa.types.is_list(column.type):
        # Arrow makes no dictionaries of lists.
        told = [None if row is None else "\0".join(row) for row in column.to_pylist()]
        column = pa.chunked_array([pa.array(told, pa.string())])
    encoded = column.combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], column.type)
    encoded = encoded.dictionary_encode()
    indices = pc.fill_null(encoded.indices, UNKNOWN).to_numpy(zero_copy_only=False)
    return indices.astype(np.int64), encoded.dictionary.to_pylist()
