"""The rows a question needs, fetched from InfluxDB into the columns of the embedded store.

Which rows belong together, which of several wins, and what a run is made of is decided in one place, by the same SQL
that asks the embedded store. InfluxQL narrows what is fetched: by tags, by time, and by ids where they are known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa

from makespan_collector.store.influx.fetched import selection, table_of
from makespan_collector.store.influx.points import (
    DETAIL_MEASUREMENT,
    NO_VALUE,
    TREE_MEASUREMENT,
    TREE_WINDOW_NS,
    any_of,
    shard_of,
    tag_value,
)
from makespan_collector.store.influx.sample_points import SAMPLE_MEASUREMENT
from makespan_collector.store.influx.server import HISTORY, SAMPLES, Server
from makespan_collector.store.schema import SAMPLES as SAMPLE_TABLE
from makespan_collector.store.schema import SPANS, TableSchema

_ID = re.compile(r"[0-9a-f]+")
"""Nothing else was ever written as the id of a trace or span."""
_DAY_NS = 86_400 * 1_000_000_000
LONGEST_RUN_NS: Final = 35 * _DAY_NS
"""GitHub lets a run go on for 35 days: older spans do not belong to a run that starts later."""
_IDS_A_QUERY = 1_000
_IDS_WORTH_IT = 10_000
"""With more run ids than this, rows are fetched by time alone; the question looks at the ids again anyway."""
ALL_COLUMNS = tuple(SPANS.columns.names)
IDENTITY_COLUMNS = ("kind", "start_ns", "provider", "repository", "run_id", "attempt", "pipeline")
"""What says which runs there are."""
STEP_KEY_COLUMNS = (
    *("seq", "trace_id", "span_id", *IDENTITY_COLUMNS),
    *("job_id", "job_name", "step_path", "cpu_user_s", "cpu_system_s", "source", "state"),
)
TREE_COLUMNS = tuple(name for name in ALL_COLUMNS if name != "raw")
SERIES_COLUMNS = tuple(
    name for name in TREE_COLUMNS if name not in ("parent_span_id", "needs", "executables", "url", "job_run_id")
)
_ROWS_A_RUN = 400
"""Rows looked through for each run that is wanted; where that was too few, four times as many are."""


@dataclass(frozen=True, slots=True)
class InfluxRows:
    """Rows of one server that match all that is given.

    Attributes:
        since_ns: Runs that started earlier may be left out.
        trace_ids: Rows of these traces alone.
        details: Fetch what is not in the tree of a run as well.
        columns: Those of spans that the question looks at; the others are null.
    """

    server: Server
    repository: str | None = None
    pipeline: str | None = None
    run_ids: tuple[str, ...] | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    trace_ids: tuple[str, ...] | None = None
    span_id: str | None = None
    details: bool = False
    columns: tuple[str, ...] = ALL_COLUMNS

    def rows(self, table: TableSchema) -> pa.Table:
        """See `queries.RowSource.rows`."""
        if table is SPANS:
            if self.trace_ids is None:
                found = [self._fetch(SPANS, self.columns, TREE_MEASUREMENT, HISTORY, self._tree())]
            else:
                found = self._by_traces(SPANS, TREE_MEASUREMENT, HISTORY)
            if self.details:
                found += self._by_traces(SPANS, DETAIL_MEASUREMENT, HISTORY)
            return pa.concat_tables(found)
        if table is SAMPLE_TABLE:
            found = self._by_traces(SAMPLE_TABLE, SAMPLE_MEASUREMENT, SAMPLES)
            return pa.concat_tables(found)
        return table.columns.empty_table()

    def _fetch(
        self, table: TableSchema, columns: Sequence[str], measurement: str, policy: str, condition: str
    ) -> pa.Table:
        sql = f'SELECT {selection(columns)} FROM "{measurement}" WHERE {condition}'  # noqa: S608 (quoted)
        return table_of(table, columns, self.server.ask_chunks(sql, policy))

    def _by_traces(self, table: TableSchema, measurement: str, policy: str) -> list[pa.Table]:
        """Rows of the traces, some traces a query; traces of one shard together."""
        traces = sorted(trace_id for trace_id in set(self.trace_ids or ()) if _ID.fullmatch(trace_id))
        if self.span_id is not None and not _ID.fullmatch(self.span_id):
            traces = []
        columns = self.columns if table is SPANS else table.columns.names
        found = [table.columns.empty_table()]
        for first in range(0, len(traces), _IDS_A_QUERY):
            part = traces[first : first + _IDS_A_QUERY]
            conditions = ["time > 0", any_of("trace_id", part)]
            if measurement != TREE_MEASUREMENT:
                conditions.append(any_of("shard", sorted({shard_of(trace_id) for trace_id in part})))
                if self.span_id is not None:
                    conditions.append(any_of("span_id", [self.span_id]))
            found.append(self._fetch(table, columns, measurement, policy, " AND ".join(conditions)))
        return found

    def newest(self, limit: int) -> InfluxRows:
        """The same, narrowed to the rows of the newest runs, so that a long history is not fetched for a few."""
        wanted = _ROWS_A_RUN * max(1, limit)
        while True:
            narrowed = f'"{TREE_MEASUREMENT}" WHERE {self._tree()} ORDER BY time DESC LIMIT {wanted}'
            sql = f'SELECT "run_id", "start_ns" FROM {narrowed}'  # noqa: S608 (quoted)
            seen: dict[str, int] = {}
            oldest_ns = count = 0
            for row in self.server.ask(sql, HISTORY):
                start_ns = int(row["start_ns"])
                seen[row["run_id"]] = min(start_ns, seen.get(row["run_id"], start_ns))
                oldest_ns, count = int(row["time"]), count + 1
            if count < wanted:
                return self
            newest = sorted(seen, key=lambda run_id: -seen[run_id])
            # What was looked at last is out of order within its window, and that run may have begun before.
            certain = [run_id for run_id in newest if seen[run_id] >= oldest_ns + TREE_WINDOW_NS]
            if len(certain) > limit:
                return replace(self, run_ids=tuple(newest), since_ns=oldest_ns)
            wanted *= 4

    def _tree(self) -> str:
        parts = ["time > 0"]
        if self.repository is not None:
            parts.append(any_of("repository", [tag_value(self.repository)]))
        if self.pipeline is not None:
            # Some tellers of a step or job do not know of which pipeline it is.
            parts.append(any_of("pipeline", [tag_value(self.pipeline), NO_VALUE]))
        if self.run_ids is not None and len(self.run_ids) <= _IDS_WORTH_IT:
            parts.append(any_of("run_id", self.run_ids))
        if self.since_ns is not None:
            parts.append(f"time >= {max(0, self.since_ns - LONGEST_RUN_NS)}")
        if self.until_ns is not None:
            parts.append(f"time < {self.until_ns + LONGEST_RUN_NS}")
        return " AND ".join(parts)


@dataclass(frozen=True, slots=True)
class InfluxWindow:
    """All rows whose time lies within a window, for copying.

    Attributes:
        start_ns: The first instant, a whole hour, as far as points are moved; so is `end_ns`, which is not in it.
        columns: Those that are looked at; None for all.
    """

    server: Server
    start_ns: int
    end_ns: int
    columns: tuple[str, ...] | None = None

    def rows(self, table: TableSchema) -> pa.Table:
        """See `queries.RowSource.rows`."""
        if table is SPANS:
            parts = [self._of(table, name, HISTORY) for name in (TREE_MEASUREMENT, DETAIL_MEASUREMENT)]
            return pa.concat_tables(parts)
        return self._of(table, SAMPLE_MEASUREMENT, SAMPLES) if table is SAMPLE_TABLE else table.columns.empty_table()

    def _of(self, table: TableSchema, measurement: str, policy: str) -> pa.Table:
        columns = self.columns or table.columns.names
        sql = (
            f'SELECT {selection(columns)} FROM "{measurement}" '  # noqa: S608
            f"WHERE time >= {self.start_ns} AND time < {self.end_ns}"
        )
        return table_of(table, columns, self.server.ask_chunks(sql, policy))


def time_bounds_ns(server: Server) -> tuple[int, int] | None:
    """The first and the last time of all rows; None in an empty database."""
    found: list[int] = []
    for measurement, policy in (
        (TREE_MEASUREMENT, HISTORY),
        (DETAIL_MEASUREMENT, HISTORY),
        (SAMPLE_MEASUREMENT, SAMPLES),
    ):
        for order in ("ASC", "DESC"):
            sql = f'SELECT "span_id" FROM "{measurement}" WHERE time > 0 ORDER BY time {order} LIMIT 1'  # noqa: S608
            found += [int(row["time"]) for row in server.ask(sql, policy)]
    return (min(found), max(found)) if found else None


def rows_a_day(server: Server, table: TableSchema, days: range) -> dict[int, int]:
    """Points of a table by the day, in days since 1970, for those days that have some."""
    found: Counter[int] = Counter()
    for measurement in (TREE_MEASUREMENT, DETAIL_MEASUREMENT) if table is SPANS else (SAMPLE_MEASUREMENT,):
        sql = (
            f'SELECT count("seq") AS "points" FROM "{measurement}" '  # noqa: S608
            f"WHERE time >= {days.start * _DAY_NS} AND time < {days.stop * _DAY_NS} GROUP BY time(1d) fill(none)"
        )
        for row in server.ask(sql, HISTORY if table is SPANS else SAMPLES):
            found[int(row["time"]) // _DAY_NS] += int(row["points"])
    return found
