"""The rows a question needs, fetched from InfluxDB into the columns of the embedded store.

Which rows belong together, which of several wins, and what a run is made of is decided in one place, by the same SQL
that asks the embedded store. InfluxQL narrows what is fetched: by tags, by time, and by ids where they are known.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import pyarrow as pa

from makespan_collector.store.influx.points import (
    DETAIL_MEASUREMENT,
    SAMPLE_MEASUREMENT,
    TREE_MEASUREMENT,
    quoted,
    rows_of,
    shard_of,
    tag_value,
)
from makespan_collector.store.influx.server import HISTORY, SAMPLES, Server
from makespan_collector.store.schema import SAMPLES as SAMPLE_TABLE
from makespan_collector.store.schema import SPANS, TableSchema

_LONGEST_RUN_NS = 35 * 86_400 * 1_000_000_000
"""GitHub lets a run go on for 35 days: older spans do not belong to a run that starts later."""
_ROWS_A_RUN = 400
"""Rows looked through for each run that is wanted; where that was too few, four times as many are."""


@dataclass(frozen=True, slots=True)
class InfluxRows:
    """Rows of one server that match all that is given.

    Attributes:
        since_ns: Runs that started earlier may be left out.
        trace_ids: Rows of these traces alone.
        details: Fetch what is not in the tree of a run as well.
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

    def rows(self, table: TableSchema) -> pa.Table:
        """See `queries.RowSource.rows`."""
        if table is SPANS:
            tree = rows_of(table, self.server.ask(f'SELECT * FROM "{TREE_MEASUREMENT}" WHERE {self._tree()}', HISTORY))  # noqa: S608 (quoted)
            if not self.details:
                return tree
            sql = f'SELECT * FROM "{DETAIL_MEASUREMENT}" WHERE {self._by_trace()}'  # noqa: S608
            return pa.concat_tables([tree, rows_of(table, self.server.ask(sql, HISTORY))])
        if table is SAMPLE_TABLE:
            sql = f'SELECT * FROM "{SAMPLE_MEASUREMENT}" WHERE {self._by_trace()}'  # noqa: S608
            return rows_of(table, self.server.ask(sql, SAMPLES))
        return table.columns.empty_table()

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
            newest = sorted(seen, key=lambda run_id: -seen[run_id])[: limit + 1]
            # One more than is wanted: the last of them may have begun before what was looked at.
            if len(newest) > limit:
                return replace(self, run_ids=tuple(newest), since_ns=oldest_ns)
            wanted *= 4

    def _tree(self) -> str:
        parts = ["time > 0"]
        for tag, value in (("repository", self.repository), ("pipeline", self.pipeline)):
            if value is not None:
                parts.append(f'"{tag}" = {quoted(tag_value(value))}')
        if self.run_ids is not None:
            parts.append(_any_of("run_id", self.run_ids))
        if self.trace_ids is not None:
            parts.append(_any_of("trace_id", self.trace_ids))
        if self.since_ns is not None:
            parts.append(f"time >= {max(0, self.since_ns - _LONGEST_RUN_NS)}")
        if self.until_ns is not None:
            parts.append(f"time < {self.until_ns + _LONGEST_RUN_NS}")
        return " AND ".join(parts)

    def _by_trace(self) -> str:
        traces = self.trace_ids or ()
        shards = sorted({shard_of(trace_id) for trace_id in traces})
        parts = ["time > 0", _any_of("shard", shards), _any_of("trace_id", traces)]
        if self.span_id is not None:
            parts.append(_any_of("span_id", [self.span_id]))
        return " AND ".join(parts)


@dataclass(frozen=True, slots=True)
class InfluxWindow:
    """All rows whose time lies within a window, for copying: from `start_ns` to before `end_ns`, whole milliseconds."""

    server: Server
    start_ns: int
    end_ns: int

    def rows(self, table: TableSchema) -> pa.Table:
        """See `queries.RowSource.rows`."""
        if table is SPANS:
            parts = [self._of(table, name, HISTORY) for name in (TREE_MEASUREMENT, DETAIL_MEASUREMENT)]
            return pa.concat_tables(parts)
        return self._of(table, SAMPLE_MEASUREMENT, SAMPLES) if table is SAMPLE_TABLE else table.columns.empty_table()

    def _of(self, table: TableSchema, measurement: str, policy: str) -> pa.Table:
        sql = f'SELECT * FROM "{measurement}" WHERE time >= {self.start_ns} AND time < {self.end_ns}'  # noqa: S608
        return rows_of(table, self.server.ask(sql, policy))


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


def _any_of(name: str, values: Collection[str]) -> str:
    if not values:
        return "time < 0"
    return "(" + " OR ".join(f'"{name}" = {quoted(value)}' for value in values) + ")"
