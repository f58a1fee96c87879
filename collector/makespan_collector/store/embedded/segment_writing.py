"""Compacted segments written in bounded memory, and given their name only when they are whole and durable.

Samples are most of what a store holds, and they are sorted by trace: a range of traces is rewritten after another, so
memory does not grow with the segment. Large values of spans are fetched when their rows are written. DuckDB sorts and
merges within a limit and puts what does not fit into a folder beside the segments. The folder and the file have names
that the next writer knows to be left-overs.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from makespan_collector.store.embedded.detached_values import DETACHED, DetachedValues
from makespan_collector.store.embedded.log_segment import sync_directory
from makespan_collector.store.embedded.queries import connect
from makespan_collector.store.embedded.query_engine import private_instance
from makespan_collector.store.embedded.segments import TEMPORARY_SUFFIX, Segment
from makespan_collector.store.embedded.step_keys import STEP_KEY, keys_of_sorted
from makespan_collector.store.schema import SAMPLES, SPANS, TableSchema
from makespan_model.errors import UnavailableError

MEMORY_LIMITS: tuple[str, ...] = ("512MB", "2GB", "80%")
"""What a rewrite may hold beside the collector's own work. DuckDB cannot put everything on the disk: a rewrite that
runs out of memory is tried again with more, since a store that is never compacted becomes slow for good."""
# DuckDB advises 125 MB a thread at the least, and the requests need the other CPUs.
_THREADS = 2
# A query for one pipeline should skip most of a segment; DuckDB skips by row group.
_ROW_GROUP_ROWS = 65_536
_ROW_GROUP_BYTES = 64 * 1024 * 1024
"""Rows are usually some hundred bytes; a few of megabytes must not be gathered by the thousand."""
_BATCH_ROWS = 2_048
ROWS_AT_ONCE = 1_000_000
"""Samples sorted at a time: some 200 MB."""
_MOST_RANGES = 256


def rewrite(
    table: TableSchema,
    segments: Sequence[Segment],
    target: Path,
    sql: Callable[[str], str],
    prepare: Callable[[duckdb.DuckDBPyConnection], bool] | None = None,
) -> bool:
    """Write rows of some segments as one, in the order of the table, under a name that may be there already.

    Args:
        table: What the segments hold.
        segments: Those that are read; the view `rows`.
        target: The name.
        sql: Makes the query for the rows wanted out of a condition on all rows, which holds for all rows of a key or
            for none.
        prepare: Is given the connection first; nothing is written when it says no.

    Returns:
        Whether it was written.

    Raises:
        OSError: It could not be written; whatever had the name still has it.
        UnavailableError: The segments could not be read, or memory does not suffice; the same.
    """
    ranges = _ranges(table, segments)
    for limit in MEMORY_LIMITS:
        try:
            with _limited(table, segments, target.parent, limit) as connection:
                if prepare is not None and not prepare(connection):
                    return False
                values = _detached(connection, table, segments)
                write_groups(
                    table, target, _groups(connection, [sql(condition) for condition in ranges], table, values)
                )
                return True
        except (duckdb.Error, pa.ArrowException) as error:
            if limit != MEMORY_LIMITS[-1] and "Out of Memory" in str(error):
                continue
            raise UnavailableError(f"{target.parent}: cannot be rewritten: {error}") from error
    return False


def _ranges(table: TableSchema, segments: Sequence[Segment]) -> list[str]:
    """Conditions that cut the rows into parts that follow each other in the order of the table."""
    if table is not SAMPLES:
        return ["true"]
    # A row of a log takes about a hundred bytes.
    rows = sum(segment.path.stat().st_size // 100 if segment.is_log else _rows_of(segment.path) for segment in segments)
    parts = max(1, min(_MOST_RANGES, -(-rows // ROWS_AT_ONCE)))
    bounds = [f"{number * 256 // parts:02x}" for number in range(1, parts)]
    lower = ["true", *(f"trace_id >= '{bound}'" for bound in bounds)]
    upper = [*(f"trace_id < '{bound}'" for bound in bounds), "true"]
    return [f"({first} AND {last})" for first, last in zip(lower, upper, strict=True)]


def _rows_of(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except pa.ArrowException as error:
        raise UnavailableError(f"{path}: cannot be rewritten: {error}") from error


@contextmanager
def _limited(
    table: TableSchema, segments: Sequence[Segment], folder: Path, limit: str
) -> Iterator[duckdb.DuckDBPyConnection]:
    with (
        tempfile.TemporaryDirectory(prefix="spill-", suffix=TEMPORARY_SUFFIX, dir=folder) as spill,
        connect(table, segments, private_instance()) as connection,
    ):
        connection.execute(f"SET memory_limit = '{limit}'")
        connection.execute(f"SET threads = {_THREADS}")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET temp_directory = " + "'" + spill.replace("'", "''") + "'")
        yield connection


def _detached(
    connection: duckdb.DuckDBPyConnection, table: TableSchema, segments: Sequence[Segment]
) -> DetachedValues | None:
    """What becomes of the large values: None where the rows are small, or read into memory as the logs are."""
    if table is not SPANS or any(segment.is_log for segment in segments):
        return None
    values = DetachedValues([segment.path for segment in segments])
    values.detach(connection, table)
    return values


def _groups(
    connection: duckdb.DuckDBPyConnection, queries: Sequence[str], table: TableSchema, values: DetachedValues | None
) -> Iterator[pa.Table]:
    """What the queries answer, in the table's order, as row groups."""
    for sql in queries:
        answer = connection.sql(f"FROM ({sql}) ORDER BY {', '.join(table.order)}").to_arrow_reader(_BATCH_ROWS)
        for group in _row_groups(answer):
            for part in [group] if values is None else values.attached(group):
                yield part.cast(table.columns)


def write_groups(table: TableSchema, target: Path, groups: Iterable[pa.Table]) -> None:
    """Write row groups as a segment that has its name once it is whole and durable.

    Raises:
        OSError: It could not be written; whatever had the name still has it.
    """
    temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
    try:
        with temporary.open("wb") as file:
            schema = _derived(table)
            # Large values hardly repeat, and a dictionary of them would be held beside them.
            repeating = [name for name in schema.names if name != DETACHED]
            with pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=repeating) as writer:
                for group in groups:
                    writer.write_table(_with_keys(table, group), row_group_size=_ROW_GROUP_ROWS)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
    except Exception:
        # It may be what fills the disk.
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def _derived(table: TableSchema) -> pa.Schema:
    """Columns of a segment: those of the table, and what is derived of them."""
    return table.columns.append(pa.field(STEP_KEY, pa.uint64())) if table is SAMPLES else table.columns


def _with_keys(table: TableSchema, group: pa.Table) -> pa.Table:
    if table is not SAMPLES:
        return group
    (batch,) = group.combine_chunks().to_batches()
    return group.append_column(STEP_KEY, keys_of_sorted(batch["trace_id"], batch["span_id"]))


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches gathered until they are worth a row group, by rows or by bytes."""
    gathered: list[pa.RecordBatch] = []
    rows = size_bytes = 0
    for batch in batches:
        if gathered and (rows + len(batch) > _ROW_GROUP_ROWS or size_bytes + batch.nbytes > _ROW_GROUP_BYTES):
            yield pa.Table.from_batches(gathered)
            gathered, rows, size_bytes = [], 0, 0
        gathered.append(batch)
        rows += len(batch)
        size_bytes += batch.nbytes
    if gathered:
        yield pa.Table.from_batches(gathered)
