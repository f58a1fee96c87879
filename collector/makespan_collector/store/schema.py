"""Columns of the two tables, and rows turned into Arrow batches.

`seq` orders rows by arrival: the number of the log segment in the upper 32 bits, the row's position in
that segment in the lower ones. It needs no counter on disk, and no clock that could be set back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from makespan_collector.store.rows import SampleRow, SpanRow

SEQUENCE_SHIFT = 32
_MANY_NULLS = 65_536

_SPANS = pa.schema(
    [
        ("seq", pa.int64()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("kind", pa.string()),
        ("name", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("parent_span_id", pa.string()),
        ("provider", pa.string()),
        ("repository", pa.string()),
        ("run_id", pa.string()),
        ("attempt", pa.int32()),
        ("pipeline", pa.string()),
        ("ref", pa.string()),
        ("commit", pa.string()),
        ("job_id", pa.string()),
        ("job_name", pa.string()),
        ("worker", pa.string()),
        ("needs", pa.list_(pa.string())),
        ("queued_ns", pa.int64()),
        ("step_path", pa.string()),
        ("step_index", pa.int32()),
        ("step_kind", pa.string()),
        ("result", pa.string()),
        ("exit_code", pa.int32()),
        ("cpu_user_s", pa.float64()),
        ("cpu_system_s", pa.float64()),
        ("memory_peak_bytes", pa.int64()),
        ("io_read_bytes", pa.int64()),
        ("io_write_bytes", pa.int64()),
        ("memory_peak_source", pa.string()),
        ("minor_faults", pa.int64()),
        ("major_faults", pa.int64()),
        ("voluntary_switches", pa.int64()),
        ("involuntary_switches", pa.int64()),
        ("throttled_s", pa.float64()),
        ("throttled_periods", pa.int64()),
        ("oom_kills", pa.int64()),
        ("memory_oom_events", pa.int64()),
        ("memory_high_events", pa.int64()),
        ("memory_max_events", pa.int64()),
        ("cpu_pressure_s", pa.float64()),
        ("memory_pressure_s", pa.float64()),
        ("io_pressure_s", pa.float64()),
        ("pressure_source", pa.string()),
        ("cpu_limit_cores", pa.float64()),
        ("memory_limit_bytes", pa.int64()),
        ("host_cpus", pa.int64()),
        ("host_memory_bytes", pa.int64()),
        ("executables", pa.string()),
        ("raw", pa.binary()),
        ("source", pa.string()),
        ("state", pa.string()),
        ("event", pa.string()),
        ("actor", pa.string()),
        ("url", pa.string()),
        ("change", pa.string()),
        ("runner_labels", pa.list_(pa.string())),
        ("job_run_id", pa.string()),
        ("cache_outcome", pa.string()),
    ]
)

_SAMPLES = pa.schema(
    [
        ("seq", pa.int64()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("time_ns", pa.int64()),
        ("cpu_cores", pa.float64()),
        ("memory_bytes", pa.int64()),
        ("processes", pa.int32()),
        ("io_read_bytes_per_s", pa.float64()),
        ("io_write_bytes_per_s", pa.float64()),
        ("host_cpu_cores", pa.float64()),
        ("host_memory_available_bytes", pa.int64()),
        ("host_load", pa.float64()),
        ("host_disk_used_bytes", pa.int64()),
        ("host_disk_read_bytes_per_s", pa.float64()),
        ("host_disk_write_bytes_per_s", pa.float64()),
    ]
)

_SUMMARIES = pa.schema(
    [
        ("seq", pa.int64()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("samples", pa.int64()),
        ("first_ns", pa.int64()),
        ("last_ns", pa.int64()),
        ("cpu_cores_p50", pa.float64()),
        ("cpu_cores_p95", pa.float64()),
        ("cpu_cores_max", pa.float64()),
        ("memory_bytes_p50", pa.float64()),
        ("memory_bytes_p95", pa.float64()),
        ("memory_bytes_max", pa.int64()),
    ]
)

# What the columns were while logs did not say so themselves (`MKSPLOG1`): never to be changed.
_FIRST_SPANS = [
    "seq",
    "trace_id",
    "span_id",
    "kind",
    "name",
    "start_ns",
    "end_ns",
    "parent_span_id",
    "provider",
    "repository",
    "run_id",
    "attempt",
    "pipeline",
    "ref",
    "commit",
    "job_id",
    "job_name",
    "worker",
    "needs",
    "queued_ns",
    "step_path",
    "step_index",
    "step_kind",
    "result",
    "exit_code",
    "cpu_user_s",
    "cpu_system_s",
    "memory_peak_bytes",
    "io_read_bytes",
    "io_write_bytes",
    "raw",
]
_FIRST_SAMPLES = [
    "seq",
    "trace_id",
    "span_id",
    "time_ns",
    "cpu_cores",
    "memory_bytes",
    "processes",
    "io_read_bytes_per_s",
    "io_write_bytes_per_s",
]


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One table of the embedded store.

    Attributes:
        name: The table's folder.
        key: Columns that make a row the same row; the later one wins.
        first_columns: Those of logs whose segment does not name its columns.
        order: Columns a compacted segment is sorted by, so that a query skips most row groups.
        time: The column that says how old a row is.
    """

    name: str
    columns: pa.Schema
    first_columns: pa.Schema
    key: tuple[str, ...]
    order: tuple[str, ...]
    time: str


SPANS = TableSchema(
    "spans",
    _SPANS,
    pa.schema([_SPANS.field(name) for name in _FIRST_SPANS]),
    ("trace_id", "span_id"),
    ("repository", "pipeline", "start_ns", "trace_id"),
    "start_ns",
)
# Rows of one instant come from several metrics, so a later row completes the earlier one instead of replacing it.
SAMPLES = TableSchema(
    "samples",
    _SAMPLES,
    pa.schema([_SAMPLES.field(name) for name in _FIRST_SAMPLES]),
    ("trace_id", "span_id", "time_ns"),
    ("trace_id", "span_id", "time_ns"),
    "time_ns",
)
# What the samples of a step said, once they were pruned.
SUMMARIES = TableSchema(
    "summaries", _SUMMARIES, _SUMMARIES, ("trace_id", "span_id"), ("trace_id", "span_id"), "last_ns"
)
TABLES = (SPANS, SAMPLES, SUMMARIES)

_span_values = attrgetter(*_SPANS.names[1:])
_sample_values = attrgetter(*_SAMPLES.names[1:])
_SPAN_FIELDS = [(field.name, field.type) for field in list(_SPANS)[1:]]
_SAMPLE_FIELDS = [(field.name, field.type) for field in list(_SAMPLES)[1:]]


Spans: TypeAlias = Sequence[SpanRow] | pa.RecordBatch
Samples: TypeAlias = Sequence[SampleRow] | pa.RecordBatch


def joined_batch(table: TableSchema, parts: Sequence[Spans | Samples], first_seq: int) -> pa.RecordBatch | None:
    """One batch of all the parts in their order, numbered from `first_seq` on; None where they are empty.

    Columns that are empty in every part may be left out.

    Raises:
        ValueError: A part's columns are not those of the table.
    """
    batches: list[pa.RecordBatch] = []
    # Many senders of few rows share a commit: one batch is built of all of them.
    runs: Iterator[tuple[bool, Iterator[Any]]] = groupby(parts, key=lambda part: isinstance(part, pa.RecordBatch))
    for are_batches, group in runs:
        if not are_batches:
            rows = list(chain.from_iterable(group))
            if rows:
                batches.append(_sparse_batch(table, rows, first_seq))
            first_seq += len(rows)
            continue
        for part in group:
            if part.schema.names != table.columns.names[1:]:
                raise ValueError(f"a batch of {table.name} has the columns {part.schema.names}")
            if part.num_rows:
                numbers = _numbers(first_seq, part.num_rows)
                batches.append(pa.RecordBatch.from_arrays([numbers, *part.columns], schema=table.columns))
            first_seq += len(part)
    if len(batches) < 2:
        return batches[0] if batches else None
    tables = [pa.Table.from_batches([batch]) for batch in batches]
    return pa.concat_tables(tables, promote_options="default").combine_chunks().to_batches()[0]


def unnumbered_batch(table: TableSchema, rows: Sequence[SpanRow] | Sequence[SampleRow]) -> pa.RecordBatch:
    """One Arrow batch of rows without `seq`, as `Store.append` takes it."""
    values = _span_values if table is SPANS else _sample_values
    return _batch(table.columns, list(map(values, rows)), 0).drop_columns(["seq"])


def span_batch(rows: Sequence[SpanRow], first_seq: int) -> pa.RecordBatch:
    """One Arrow batch of spans, numbered from `first_seq` on."""
    return _batch(_SPANS, list(map(_span_values, rows)), first_seq)


def sample_batch(rows: Sequence[SampleRow], first_seq: int) -> pa.RecordBatch:
    """One Arrow batch of samples, numbered from `first_seq` on."""
    return _batch(_SAMPLES, list(map(_sample_values, rows)), first_seq)


def _sparse_batch(table: TableSchema, rows: Sequence[Any], first_seq: int) -> pa.RecordBatch:
    """A batch without its empty columns, which are most of them, and would take most of the time."""
    values = _span_values if table is SPANS else _sample_values
    empty = (None,) * len(rows)
    names, columns = ["seq"], [_numbers(first_seq, len(rows))]
    fields = _SPAN_FIELDS if table is SPANS else _SAMPLE_FIELDS
    for (name, kind), column in zip(fields, zip(*map(values, rows), strict=True), strict=True):
        if column != empty:
            names.append(name)
            columns.append(pa.array(column, kind))
    return pa.RecordBatch.from_arrays(columns, names=names)


def empty_column(count: int, kind: pa.DataType) -> pa.Array:
    """A column of nulls. Those of usual length share their memory, for a span leaves two columns in three empty."""
    return _many_nulls(kind).slice(0, count) if count <= _MANY_NULLS else pa.nulls(count, kind)


@cache
def _many_nulls(kind: pa.DataType) -> pa.Array:
    return pa.nulls(_MANY_NULLS, kind)


def _numbers(first: int, count: int) -> pa.Array:
    return pa.array(np.arange(first, first + count, dtype=np.int64))


def _batch(schema: pa.Schema, tuples: list[tuple[Any, ...]], first_seq: int) -> pa.RecordBatch:
    columns = [_numbers(first_seq, len(tuples))]
    columns += [
        pa.array(values, field.type) for values, field in zip(zip(*tuples, strict=True), list(schema)[1:], strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
