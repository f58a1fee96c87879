"""History moved from one store to another, of either kind, some days at a time.

Rows merge by their ids wherever they are written, so a copy that is repeated, or was killed in the middle, does no
harm; the cursor only saves the time of doing days again. Days are on it once the target has acknowledged them.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from makespan_collector.store.contract import Store
from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.queries import Place, query
from makespan_collector.store.influx.provisioning import samples_kept_ns
from makespan_collector.store.influx.row_source import InfluxWindow, rows_a_day, time_bounds_ns
from makespan_collector.store.influx.server import Server
from makespan_collector.store.schema import SAMPLES, SPANS, TableSchema
from makespan_model.errors import InputError, UnavailableError

_DAY_NS = 86_400 * 1_000_000_000
_BATCH_ROWS = 20_000
_WINDOW_ROWS = 200_000
"""Rows that are held at once, unless a single day has more."""
_TABLES = (SPANS, SAMPLES)

Progress = Callable[[int, int], None]
"""Called with the days done and the days in all."""


def _silent(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did.

    Attributes:
        spans: Spans of the source, each once; all of them are in the target.
        samples: The same of samples.
        days: Days that were copied.
        days_before: Days an interrupted copy had done before.
        samples_too_old: Samples that stay behind, as the target would delete them at once.
    """

    spans: int
    samples: int
    days: int
    days_before: int
    samples_too_old: int = 0


def copy_store(
    source: Path | Server,
    target: Store,
    target_place: Path | Server,
    cursor: Path,
    progress: Progress = _silent,
    *,
    window_rows: int = _WINDOW_ROWS,
) -> Copied:
    """Copy everything, then count both sides.

    Args:
        source: A store's directory, or the server it is on.
        target: Open for writing.
        target_place: Where that is.
        cursor: File that remembers how far the copy is; removed when it is done.
        progress: Told after each of the parts it is copied in.
        window_rows: How many rows a part has, unless a day has more.

    Raises:
        UnavailableError: A store does not answer, or the target holds less than the source at the end.
        InputError: The source is damaged, or the cursor is of another copy.
    """
    bounds = _bounds_ns(source)
    if bounds is None:
        return Copied(0, 0, 0, 0)
    days = range(bounds[0] // _DAY_NS, bounds[1] // _DAY_NS + 1)
    oldest = _first_day_kept(target_place)
    kept = {SPANS.name: days, SAMPLES.name: range(max(days[0], oldest), days[-1] + 1)}
    copy = f"{_name(source)} -> {_name(target_place)}"
    done_before = _read_cursor(cursor, copy)
    days_left = len([day for day in days if day > done_before])
    windows = _windows(source, days, window_rows)
    left = [window for window in windows if window[-1] > done_before]
    for window in left:
        for table in _TABLES:
            for batch in _rows(source, table, _both(window, kept[table.name])):
                if table is SPANS:
                    target.append(spans=batch)
                else:
                    target.append(samples=batch)
        _write_cursor(cursor, copy, window[-1])
        progress(window[-1] - days[0] + 1, len(days))
    counts = {}
    for table in _TABLES:
        parts = [_both(window, kept[table.name]) for window in windows]
        there, here = (sum(_count(place, table, part) for part in parts) for place in (source, target_place))
        if here < there:
            cursor.unlink(missing_ok=True)
            raise UnavailableError(
                f"{_name(target_place)} holds {here:,} of {there:,} {table.name}; run the copy again"
            )
        counts[table.name] = there
    cursor.unlink(missing_ok=True)
    too_old = sum(_count(source, SAMPLES, range(window[0], min(window[-1] + 1, oldest))) for window in windows)
    return Copied(counts[SPANS.name], counts[SAMPLES.name], days_left, len(days) - days_left, too_old)


def _windows(place: Path | Server, days: range, window_rows: int) -> list[range]:
    """The days in parts of no more rows than given, or of one day; days without rows are in none, or inside of one."""
    rows: Counter[int] = Counter()
    for table in _TABLES:
        if isinstance(place, Server):
            rows.update(rows_a_day(place, table, days))
        else:
            sql = f"SELECT {table.time} // {_DAY_NS}, count(*) FROM rows GROUP BY 1"  # noqa: S608 (ours)
            rows.update(dict(query(place, table, lambda connection, sql=sql: connection.execute(sql).fetchall())))  # type: ignore[misc]
    windows: list[range] = []
    held = 0
    for day in sorted(rows):
        if windows and held + rows[day] <= window_rows:
            windows[-1] = range(windows[-1][0], day + 1)
            held += rows[day]
        else:
            windows.append(range(day, day + 1))
            held = rows[day]
    return windows


def _both(one: range, other: range) -> range:
    return range(max(one.start, other.start), min(one.stop, other.stop))


def _first_day_kept(place: Path | Server) -> int:
    """The first day whose samples the place keeps whole."""
    kept_ns = samples_kept_ns(place) if isinstance(place, Server) else None
    return -(2**63) if kept_ns is None else (time.time_ns() - kept_ns) // _DAY_NS + 1


def _bounds_ns(place: Path | Server) -> tuple[int, int] | None:
    if isinstance(place, Server):
        return time_bounds_ns(place)
    found: list[int] = []
    for table in _TABLES:
        sql = f"SELECT min({table.time}), max({table.time}) FROM rows"  # noqa: S608 (ours)
        first, last = query(place, table, lambda connection, sql=sql: connection.execute(sql).fetchall()[0])  # type: ignore[misc]
        found += [] if first is None else [first, last]
    return (min(found), max(found)) if found else None


def _rows(place: Path | Server, table: TableSchema, days: range) -> list[pa.RecordBatch]:
    """Rows of these days as `Store.append` takes them."""
    if not days:
        return []

    def ask(connection: duckdb.DuckDBPyConnection) -> pa.Table:
        sql = f"FROM ({merged_rows(table)}) WHERE {_within(table, days)} ORDER BY seq"
        return connection.sql(sql).to_arrow_table()

    rows = query(_window(place, days), table, ask).cast(table.columns).drop_columns(["seq"])
    return [batch for batch in rows.combine_chunks().to_batches(max_chunksize=_BATCH_ROWS) if batch.num_rows]


def _count(place: Path | Server, table: TableSchema, days: range) -> int:
    """Rows of these days, each once."""
    if not days:
        return 0
    sql = f"SELECT count(*) FROM (SELECT DISTINCT {', '.join(table.key)} FROM rows WHERE {_within(table, days)})"  # noqa: S608 (ours)
    looked_at = _window(place, days, (*table.key, table.time))
    ((found,),) = query(looked_at, table, lambda connection: connection.execute(sql).fetchall())
    return int(found)


def _within(table: TableSchema, days: range) -> str:
    return f"{table.time} >= {days.start * _DAY_NS} AND {table.time} < {days.stop * _DAY_NS}"


def _window(place: Path | Server, days: range, columns: tuple[str, ...] | None = None) -> Place:
    if isinstance(place, Path):
        return place
    return InfluxWindow(place, days.start * _DAY_NS, days.stop * _DAY_NS, columns)


def _name(place: Path | Server) -> str:
    return str(place.resolve()) if isinstance(place, Path) else f"{place.target.url}/{place.target.database}"


def _read_cursor(cursor: Path, copy: str) -> int:
    """The last day that is done; before all days where there is no cursor."""
    try:
        content = json.loads(cursor.read_text("utf-8"))
        if content["copy"] != copy:
            raise InputError(
                f"{cursor} is of another copy ({content['copy']}); remove it, or name another with --cursor"
            )
        return int(content["day"])
    except FileNotFoundError:
        return -(2**63)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{cursor}: not the cursor of a copy ({error!r}); remove it to begin anew") from error


def _write_cursor(cursor: Path, copy: str, day: int) -> None:
    temporary = cursor.with_name(f"{cursor.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps({"copy": copy, "day": day}), "utf-8")
        temporary.rename(cursor)
    except OSError as error:
        raise UnavailableError(f"cannot write {cursor}: {error.strerror or error}") from error
