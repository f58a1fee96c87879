"""Compacted segments written in bounded memory, and given their name only when they are whole and durable.

DuckDB sorts and merges within `MEMORY_LIMIT` and puts what does not fit into a folder beside the segments, the rows
come out of it a row group at a time. The folder and the file have names that the next writer knows to be left-overs.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from makespan_collector.store.embedded.log_segment import sync_directory
from makespan_collector.store.embedded.queries import connect
from makespan_collector.store.embedded.segments import TEMPORARY_SUFFIX, Segment
from makespan_collector.store.schema import TableSchema
from makespan_model.errors import UnavailableError

MEMORY_LIMIT = "512MB"
"""What a compaction may hold beside the collector's own work."""
# DuckDB advises 125 MB a thread at the least, and the requests need the other CPUs.
_THREADS = 2
# A query for one pipeline should skip most of a segment; DuckDB skips by row group.
_ROW_GROUP_ROWS = 65_536


@contextmanager
def rewriting(table: TableSchema, segments: Sequence[Segment], folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the view `rows` over these segments that stays within the limit.

    Raises:
        UnavailableError: The segments could not be read, or the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="spill-", suffix=TEMPORARY_SUFFIX, dir=folder) as spill:
        try:
            with connect(table, segments) as connection:
                connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
                connection.execute(f"SET threads = {_THREADS}")
                connection.execute("SET temp_directory = " + "'" + spill.replace("'", "''") + "'")
                yield connection
        except (duckdb.Error, pa.ArrowException) as error:
            raise UnavailableError(f"{folder}: cannot be compacted: {error}") from error


def write_segment(connection: duckdb.DuckDBPyConnection, sql: str, table: TableSchema, target: Path) -> None:
    """Write the rows of a query, in the order of the table, under a name that may be there already.

    Raises:
        OSError: It could not be written; whatever had the name still has it.
        duckdb.Error, pyarrow.ArrowException: The query failed; the same.
    """
    temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
    ordered = f"FROM ({sql}) ORDER BY {', '.join(table.order)}"
    reader = connection.sql(ordered).to_arrow_reader(_ROW_GROUP_ROWS)
    with temporary.open("wb") as file:
        with pq.ParquetWriter(file, table.columns, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch.cast(table.columns), row_group_size=_ROW_GROUP_ROWS)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(target)
    sync_directory(target.parent)
