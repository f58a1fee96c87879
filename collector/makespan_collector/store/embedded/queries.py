"""Reads a table's files with DuckDB: compacted segments in place, the logs through Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import duckdb
import pyarrow as pa

from makespan_collector.store.embedded.log_segment import read_log
from makespan_collector.store.embedded.query_engine import opened
from makespan_collector.store.embedded.segment_footers import footer_of
from makespan_collector.store.embedded.segments import Segment, list_segments
from makespan_collector.store.embedded.step_keys import STEP_KEY
from makespan_collector.store.schema import SAMPLES, SPANS, TableSchema
from makespan_model.errors import InputError, UnavailableError

Answer = TypeVar("Answer")

# Gives the columns that no segment of those read has. A condition that is never true would do as well, but DuckDB then
# plans reading the segments anew, and takes half as long again.
_NO_ROWS = "SELECT * FROM no_rows"
_LOGS = "SELECT * FROM log_rows"
_SOURCES = pa.schema(
    [
        ("path", pa.string()),
        ("first_ns", pa.int64()),
        ("last_ns", pa.int64()),
        ("repeats", pa.bool_()),
        ("keyed", pa.bool_()),
    ]
)
# Each retry needs a whole compaction to have ended within one query.
_ATTEMPTS = 8


class RowSource(Protocol):
    """Rows that are not in a directory, of which the same questions can be asked."""

    def rows(self, table: TableSchema) -> pa.Table:
        """All rows of a table that a question may need."""


Place: TypeAlias = Path | RowSource
"""Where the rows of a store are."""


def query(root: Place, table: TableSchema, ask: Callable[[duckdb.DuckDBPyConnection], Answer]) -> Answer:
    """Run `ask` on a connection with the views of `connect`, over everything the table holds now.

    A compaction may delete a segment between the look at the folder and the read; then the folder is
    read anew.

    Raises:
        InputError: A segment is damaged.
    """
    if not isinstance(root, Path):
        with opened() as connection:
            _show(connection, table, root.rows(table), ())
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
def connect(
    table: TableSchema, segments: Sequence[Segment], instance: duckdb.DuckDBPyConnection | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection with views of these segments, by default to the instance that a process shares.

    `rows` is everything. Of spans, `settled_rows` is one compacted segment, the largest, in which no key is twice, and
    `loose_rows` is the rest. Of samples, `log_rows` is what the logs hold, and `sources` says of each compacted segment
    (`path`), and of the logs together (null), what time it covers, whether it can hold a row twice (`repeats`), and
    whether it has the column `step_keys.STEP_KEY` (`keyed`).
    """
    with opened(instance) as connection:
        _show(connection, table, _logs(table, segments), [segment for segment in segments if not segment.is_log])
        yield connection


def _show(
    connection: duckdb.DuckDBPyConnection, table: TableSchema, logs: pa.Table, compacted: Sequence[Segment]
) -> None:
    connection.register("log_rows", logs)
    connection.register("no_rows", table.columns.empty_table())
    paths = [segment.path for segment in sorted(compacted, key=lambda segment: -segment.path.stat().st_size)]
    columns = ", ".join(f'"{name}"' for name in table.columns.names)
    views = {"rows": [_LOGS, *_reads(paths)]}
    if table is SPANS:
        views |= {"settled_rows": [_NO_ROWS, *_reads(paths[:1])], "loose_rows": [_LOGS, *_reads(paths[1:])]}
    for view, sources in views.items():
        # By name: segments from before a table gained a column lack it, and read as null there.
        everything = " UNION ALL BY NAME ".join(sources)
        connection.execute(f"CREATE TEMP VIEW {view} AS SELECT {columns} FROM ({everything})")  # noqa: S608
    if table is SAMPLES:
        _tell_sources(connection, paths)


def _reads(paths: Sequence[Path]) -> list[str]:
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return [f"SELECT * FROM read_parquet([{listed}], union_by_name = true)"] if paths else []  # noqa: S608 (quoted)


def rows_of(paths: Iterable[str]) -> str:
    """The SQL for all rows of some compacted segments, with the derived columns that one of them has."""
    # Where nothing is looked for, the condition costs nothing and the union a little.
    return f"({' UNION ALL BY NAME '.join([f'{_NO_ROWS} WHERE false', *_reads([Path(path) for path in paths])])})"


def _tell_sources(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> None:
    """The view `sources` of `connect`."""
    footers = {str(path): footer_of(path, SAMPLES.time) for path in paths}
    rows = [
        {
            "path": path,
            "first_ns": footer.first_ns,
            "last_ns": footer.last_ns,
            "repeats": False,
            "keyed": STEP_KEY in footer.columns,
        }
        for path, footer in footers.items()
        if footer.rows
    ]
    connection.register("compacted_sources", pa.Table.from_pylist(rows, _SOURCES))
    connection.execute(
        f"""
        CREATE TEMP VIEW sources AS FROM compacted_sources UNION ALL
        SELECT NULL, min({SAMPLES.time}), max({SAMPLES.time}), true, false FROM log_rows HAVING count(*) > 0
        """  # noqa: S608 (ours)
    )


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
