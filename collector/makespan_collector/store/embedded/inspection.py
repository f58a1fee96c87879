"""What a store directory holds, for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from makespan_collector.store.embedded.queries import fetch, query
from makespan_collector.store.embedded.run_queries import pipelines
from makespan_collector.store.embedded.segments import list_segments
from makespan_collector.store.schema import TABLES, TableSchema


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table.

    Attributes:
        rows: Rows on the disk; one that was sent twice counts twice until it is compacted.
        first_ns: The earliest time in it; None in an empty table. The same for `last_ns`, the latest.
    """

    name: str
    rows: int
    logs: int
    segments: int
    size_bytes: int
    first_ns: int | None
    last_ns: int | None


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """A whole store."""

    tables: tuple[TableInfo, ...]
    pipelines: int
    runs: int

    @property
    def size_bytes(self) -> int:
        """Bytes of all tables."""
        return sum(table.size_bytes for table in self.tables)


def inspect_store(root: Path) -> StoreInfo:
    """Look at a store, also while it is written.

    Raises:
        InputError: A segment is damaged.
    """
    known = pipelines(root)
    return StoreInfo(
        tuple(_inspect_table(root, table) for table in TABLES), len(known), sum(summary.runs for summary in known)
    )


def _inspect_table(root: Path, table: TableSchema) -> TableInfo:
    listing = list_segments(root / table.name)

    def ask(connection: duckdb.DuckDBPyConnection) -> dict[str, int | None]:
        sql = f"SELECT count(*) AS rows, min({table.time}) AS first_ns, max({table.time}) AS last_ns FROM rows"  # noqa: S608 (ours)
        return fetch(connection, sql)[0]

    found = query(root, table, ask)
    sizes = [segment.path.stat().st_size for segment in listing.live if segment.path.exists()]
    return TableInfo(
        table.name,
        found["rows"] or 0,
        len(listing.logs),
        len(listing.compacted),
        sum(sizes),
        found["first_ns"],
        found["last_ns"],
    )
