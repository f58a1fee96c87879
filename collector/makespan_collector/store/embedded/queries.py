"""Reads a table's files with DuckDB: compacted segments in place, the logs through Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import duckdb
import pyarrow as pa

from makespan_collector.store.embedded.log_segment import read_log
from makespan_collector.store.embedded.segments import Segment, list_segments
from makespan_collector.store.schema import TableSchema
from makespan_model.errors import InputError, UnavailableError

Answer = TypeVar("Answer")

# Each retry needs a whole compaction to have ended within one query.
_ATTEMPTS = 8


class RowSource(Protocol):
    """Rows that are not in a directory, of which the same questions can be asked."""

    def rows(self, table: TableSchema) -> pa.Table:
        """All rows of a table that a question may need."""


Place: TypeAlias = Path | RowSource
"""Where the rows of a store are."""


def query(root: Place, table: TableSchema, ask: Callable[[duckdb.DuckDBPyConnection], Answer]) -> Answer:
    """Run `ask` on a connection in which `rows` is everything the table holds now.

    A compaction may delete a segment between the look at the folder and the read; then the folder is
    read anew.

    Raises:
        InputError: A segment is damaged.
    """
    if not isinstance(root, Path):
        with _memory() as connection:
            connection.register("rows", root.rows(table))
            connection.execute(f"CREATE TEMP VIEW source_times AS {_times('rows', table)}")
            return ask(connection)
    for _ in range(_ATTEMPTS):
        live: tuple[Segment, ...] = ()
        try:
            live = list_segments(root / table.name).live
            with connect(table, live) as connection:
                return ask(connection)
        except FileNotFoundError:
            continue
        except duckdb.Error as error:
            if all(segment.path.exists() for segment in live):
                raise InputError(f"{root / table.name}: cannot be read: {error}") from error
    raise UnavailableError(f"{root / table.name}: changes faster than it can be read; try again")


@contextmanager
def connect(table: TableSchema, segments: Sequence[Segment]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection with the view `rows` over these segments.

    The view `source_times` says what time each compacted segment covers, and the logs together, which alone may
    hold a row twice.
    """
    with _memory() as connection:
        connection.register("log_rows", _logs(table, segments))
        columns = ", ".join(f'"{name}"' for name in table.columns.names)
        sources = ["SELECT * FROM log_rows"]
        times = [_times("log_rows", table)]
        compacted = [str(segment.path) for segment in segments if not segment.is_log]
        if compacted:
            files = ", ".join("'" + path.replace("'", "''") + "'" for path in compacted)
            sources.append(f"SELECT * FROM read_parquet([{files}], union_by_name = true)")  # noqa: S608 (quoted above)
            times.append(f"""
                SELECT min(stats_min_value::BIGINT), max(stats_max_value::BIGINT), false
                FROM parquet_metadata([{files}]) WHERE path_in_schema = '{table.time}' GROUP BY file_name
            """)  # noqa: S608 (quoted above)
        # By name: segments from before a table gained a column lack it, and read as null there.
        everything = " UNION ALL BY NAME ".join(sources)
        connection.execute(f"CREATE TEMP VIEW rows AS SELECT {columns} FROM ({everything})")  # noqa: S608
        connection.execute(f"CREATE TEMP VIEW source_times AS {' UNION ALL '.join(times)}")
        yield connection


def _times(rows: str, table: TableSchema) -> str:
    return f"""
        SELECT min({table.time}) AS first_ns, max({table.time}) AS last_ns, true AS repeats FROM {rows}
        HAVING count(*) > 0
    """  # noqa: S608 (names are ours)


@contextmanager
def _memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to nothing, that fetches nothing from anywhere."""
    connection = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    try:
        # A query that takes long would draw a bar on standard output, which is the command's own.
        connection.execute("SET enable_progress_bar = false")
        yield connection
    finally:
        connection.close()


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
    """Rows of a query as dictionaries."""
    cursor = connection.execute(sql, list(parameters))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def _logs(table: TableSchema, segments: Sequence[Segment]) -> pa.Table:
    batches = [
        batch
        for segment in segments
        if segment.is_log
        for batch in read_log(segment.path, table.columns, table.first_columns).batches
    ]
    return pa.Table.from_batches(batches, schema=table.columns)
