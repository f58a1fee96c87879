"""Closed logs become a segment within Arrow: nearly all their rows are new, and sorting those is all there is to do.

DuckDB, which puts together what was sent more than once, takes three times as long for rows of sixty columns. So it
is given only the rows of keys that these logs hold repeatedly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from makespan_collector.store.embedded.log_segment import read_log
from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.segment_writing import rewrite, write_groups
from makespan_collector.store.embedded.segments import Segment
from makespan_collector.store.schema import TableSchema, empty_column
from makespan_model.errors import UnavailableError

_ROW_GROUP_ROWS = 65_536
_ROW_GROUP_BYTES = 64 * 1024 * 1024
_MOST_REPEATED_ROWS = 50_000
"""More are put together by `rewrite`, which keeps what does not fit into memory on the disk."""


def sort_logs(table: TableSchema, logs: Sequence[Segment], target: Path) -> None:
    """Write the rows of some logs as one segment, one row a key, in the order of the table.

    Args:
        table: What the logs hold.
        logs: Closed ones, few enough that three times their size fits into memory.
        target: The segment's name.

    Raises:
        OSError: It could not be written; nothing has the name.
        UnavailableError: Memory does not suffice, or the rows cannot be put together; the same.
        InputError: A log is damaged.
    """
    rows = _rows_of(table, logs)
    again = _repeated(table, rows)
    if again is not None and pc.sum(again).as_py() > _MOST_REPEATED_ROWS:
        rewrite(table, logs, target, lambda condition: merged_rows(table, where=condition))
        return
    try:
        write_groups(table, target, _sorted_groups(table, rows if again is None else _once(table, rows, again)))
    except (duckdb.Error, pa.ArrowException) as error:
        raise UnavailableError(f"{target.parent}: cannot be rewritten: {error}") from error


def _rows_of(table: TableSchema, logs: Sequence[Segment]) -> pa.Table:
    """All rows, without the columns that none of them has."""
    batches = [
        batch for log in logs for batch in read_log(log.path, table.columns, table.first_columns, fill=False).batches
    ]
    if not batches:
        empty: pa.Table = table.columns.empty_table()
        return empty
    rows = pa.concat_tables([pa.Table.from_batches([batch]) for batch in batches], promote_options="default")
    kept = [name for name in rows.column_names if rows.column(name).null_count < len(rows)]
    return rows.select(kept).combine_chunks()


def _repeated(table: TableSchema, rows: pa.Table) -> pa.ChunkedArray | None:
    """Which rows have a key that another has too; None where all are different."""
    keys = list(table.key)
    counts = rows.select(keys).group_by(keys, use_threads=False).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts.column("count_all"), 1))
    if not len(repeated):
        return None
    found = rows.select(["seq", *keys]).join(repeated.select(keys), keys, join_type="left semi", use_threads=False)
    return pc.is_in(rows.column("seq"), value_set=found.column("seq").combine_chunks())


def _once(table: TableSchema, rows: pa.Table, again: pa.ChunkedArray) -> pa.Table:
    """The rows, those marked put together by their key."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.register("rows", _with_all_columns(table, rows.filter(again)))
        merged = connection.sql(merged_rows(table)).to_arrow_table()
    alone = rows.filter(pc.invert(again))
    return pa.concat_tables([alone, merged.select(rows.column_names).cast(rows.schema)]).combine_chunks()


def _sorted_groups(table: TableSchema, rows: pa.Table) -> Iterator[pa.Table]:
    """Row groups in the table's order, with all its columns."""
    order = [(name, "ascending") for name in table.order if name in rows.column_names]
    places = pc.sort_indices(rows, sort_keys=order)
    step = max(1, min(_ROW_GROUP_ROWS, _ROW_GROUP_BYTES * len(rows) // max(1, rows.nbytes)))
    for first in range(0, len(rows), step):
        yield _with_all_columns(table, rows.take(places.slice(first, step)))


def _with_all_columns(table: TableSchema, rows: pa.Table) -> pa.Table:
    there = set(rows.column_names)
    columns = [
        rows.column(field.name) if field.name in there else empty_column(len(rows), field.type)
        for field in table.columns
    ]
    return pa.table(columns, schema=table.columns)
