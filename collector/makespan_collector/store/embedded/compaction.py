"""Logs rewritten into sorted, deduplicated, compressed Parquet segments.

Crash-safe by order: the new segment is complete and durable before it gets its name, and has its name
before what it replaces is deleted. A crash in between leaves either a temporary file or files that the
new segment covers; both are recognised by name and deleted when the store is next opened for writing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from makespan_collector.store.embedded.log_segment import sync_directory
from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.queries import connect
from makespan_collector.store.embedded.segments import TEMPORARY_SUFFIX, Segment, list_segments, parquet_path
from makespan_collector.store.schema import TableSchema
from makespan_model.errors import UnavailableError

# Merging a segment into one at least half its size bounds both how often a row is rewritten and how
# many segments there are by the logarithm of the data (O'Neil et al., The Log-Structured Merge-Tree, 1996).
_SIZE_RATIO = 2
# Under this size a segment's cost is that of opening it, so it is merged whatever the ratio.
_SMALL_BYTES = 1024 * 1024
# A query for one pipeline should skip most of a segment; DuckDB skips by row group.
_ROW_GROUP_ROWS = 65_536


def compact_table(root: Path, table: TableSchema, *, below: int) -> bool:
    """Compact the closed logs of a table, those numbered under `below`; True when there were any.

    Raises:
        OSError: The new segment could not be written; the old ones are untouched.
        UnavailableError: The old ones could not be read together.
        InputError: A segment is damaged.
    """
    folder = root / table.name
    listing = list_segments(folder)
    logs = [segment for segment in listing.logs if segment.last < below]
    if not logs:
        return False
    chosen = _choose(listing.compacted, logs)
    target = parquet_path(folder, chosen[0].first, chosen[-1].last)
    _write(table, chosen, target)
    remove_superseded(root, table)
    return True


def remove_superseded(root: Path, table: TableSchema) -> None:
    """Delete what a crash left behind: temporary files, and files that a compacted segment covers."""
    folder = root / table.name
    for segment in list_segments(folder).superseded:
        segment.path.unlink(missing_ok=True)
    for path in folder.glob(f"*{TEMPORARY_SUFFIX}"):
        path.unlink(missing_ok=True)


def _choose(compacted: Sequence[Segment], logs: list[Segment]) -> list[Segment]:
    chosen = list(logs)
    size_bytes = sum(segment.path.stat().st_size for segment in logs)
    for segment in reversed(compacted):
        segment_bytes = segment.path.stat().st_size
        if segment_bytes > max(_SMALL_BYTES, _SIZE_RATIO * size_bytes):
            break
        chosen.insert(0, segment)
        size_bytes += segment_bytes
    return chosen


def _write(table: TableSchema, segments: Sequence[Segment], target: Path) -> None:
    try:
        with connect(table, segments) as connection:
            ordered = f"FROM ({merged_rows(table)}) ORDER BY {', '.join(table.order)}"
            rows = connection.sql(ordered).to_arrow_table()
    except duckdb.Error as error:
        raise UnavailableError(f"{target.parent}: cannot be compacted: {error}") from error
    temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
    with temporary.open("wb") as file:
        pq.write_table(rows.cast(table.columns), file, compression="zstd", row_group_size=_ROW_GROUP_ROWS)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(target)
    sync_directory(target.parent)
