"""Columns of a table as lists of what records hold, and records made of such lists."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import repeat
from typing import Any, TypeVar

import pyarrow as pa

from makespan_model.executable_usage import parse_executables
from makespan_model.records import CacheOutcome, MemoryPeakSource, PressureSource, Result, RunState, StepKind

Record = TypeVar("Record")

_WORDS: dict[str, type[StrEnum]] = {
    "result": Result,
    "state": RunState,
    "step_kind": StepKind,
    "cache_outcome": CacheOutcome,
    "memory_peak_source": MemoryPeakSource,
    "pressure_source": PressureSource,
}


def made_of(kind: type[Record], columns: Mapping[str, Sequence[Any]], count: int) -> list[Record]:
    """So many frozen records out of a column for each of their fields; nothing is checked.

    A frozen dataclass takes a call a field to be made, which is most of what reading costs: column by column the
    same is done in a third of the time.
    """
    records = list(map(object.__new__, repeat(kind, count)))
    for name, values in columns.items():
        deque(map(getattr(kind, name).__set__, records, values), maxlen=0)
    return records


class Columns:
    """Columns of a table as lists of what records hold, each made when it is first asked for."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows
        self._made: dict[str, Sequence[Any]] = {}

    def __getitem__(self, name: str) -> Sequence[Any]:
        if name not in self._made:
            self._made[name] = _values(name, self._rows[name].combine_chunks())
        return self._made[name]


def _values(name: str, column: pa.Array) -> Sequence[Any]:
    if column.null_count == len(column):
        return list(repeat(() if name == "executables" else None, len(column)))
    if pa.types.is_string(column.type):
        return _texts(column, _reading(name), () if name == "executables" else None)
    if pa.types.is_list(column.type):
        tuples: dict[tuple[str, ...], tuple[str, ...]] = {}
        values = (None if value is None else tuple(value) for value in column.to_pylist())
        return [None if value is None else tuples.setdefault(value, value) for value in values]
    if not column.null_count:
        return list(column.to_numpy(zero_copy_only=False).tolist())
    known = column.is_valid().to_numpy(zero_copy_only=False).tolist()
    numbers = column.fill_null(0).to_numpy(zero_copy_only=False).tolist()
    return [number if is_known else None for number, is_known in zip(numbers, known, strict=True)]


def _reading(name: str) -> Callable[[str], Any]:
    if name == "executables":
        return parse_executables
    return _WORDS.get(name, str)


def _texts(column: pa.Array, read: Callable[[str], Any], missing: Any) -> list[Any]:
    """Texts read once each, however often they occur."""
    encoded = column.dictionary_encode()
    words = [*(read(word) for word in encoded.dictionary.to_pylist()), missing]
    places = encoded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False).tolist()
    return [words[place] for place in places]
