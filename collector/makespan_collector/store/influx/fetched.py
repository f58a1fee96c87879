"""Answers of a server as Arrow tables with the columns of the embedded store.

What comes is turned into columns chunk by chunk: a row is never an object of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from makespan_collector.store.influx.points import field_name
from makespan_collector.store.influx.server import Chunk
from makespan_collector.store.schema import TableSchema

_RAW_FIELDS = "/^raw_/"


def selection(columns: Sequence[str]) -> str:
    """The InfluxQL that selects these columns of a table."""
    fields = [f'"{field_name(name)}"' for name in columns if name != "raw"]
    return ", ".join(fields + ([_RAW_FIELDS] if "raw" in columns else []))


def table_of(table: TableSchema, columns: Sequence[str], chunks: Iterable[Chunk]) -> pa.Table:
    """Chunks of a `selection` as a table; columns that were not selected are null."""
    batches = [_batch(table, set(columns), chunk) for chunk in chunks]
    return pa.Table.from_batches(batches, schema=table.columns)


def _batch(table: TableSchema, selected: set[str], chunk: Chunk) -> pa.RecordBatch:
    found = dict(zip(chunk.columns, zip(*chunk.rows, strict=True), strict=True))
    count = len(chunk.rows)
    arrays = []
    for field in table.columns:
        values = _raws(found, count) if field.name == "raw" else found.get(field_name(field.name))
        if field.name not in selected or values is None:
            arrays.append(pa.nulls(count, field.type))
            continue
        read = _reader(field.type)
        if read is not None:
            values = [None if value is None else read(value) for value in values]
        arrays.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=table.columns)


def _raws(found: Mapping[str, Sequence[Any]], count: int) -> list[bytes | None] | None:
    if "raw_parts" not in found:
        return None
    return [_raw(found, row, parts) for row, parts in zip(range(count), found["raw_parts"], strict=True)]


def _raw(found: Mapping[str, Sequence[Any]], row: int, parts: int | None) -> bytes | None:
    if parts is None:
        return None
    return b"".join(base64.b64decode(found[f"raw_{number}"][row]) for number in range(parts))


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    """How a value of JSON becomes one of Arrow; None where Arrow takes it as it is."""
    return json.loads if pa.types.is_list(kind) else None
