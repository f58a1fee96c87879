"""Logs rewritten into sorted, deduplicated, compressed Parquet segments.

Crash-safe by order: the new segment is complete and durable before it gets its name, and has its name
before what it replaces is deleted. A crash in between leaves either a temporary file or files that the
new segment covers; both are recognised by name and deleted when the store is next opened for writing.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.segment_writing import rewrite
from makespan_collector.store.embedded.segments import TEMPORARY_SUFFIX, Segment, list_segments, parquet_path
from makespan_collector.store.schema import TableSchema

# Merging a segment into one at least half its size bounds both how often a row is rewritten and how
# many segments there are by the logarithm of the data (O'Neil et al., The Log-Structured Merge-Tree, 1996).
_SIZE_RATIO = 2
# Under this size a segment's cost is that of opening it, so it is merged whatever the ratio.
_SMALL_BYTES = 1024 * 1024
# Logs are read into memory: after a long time in which nothing could be compacted they are taken in portions.
_LOGS_AT_ONCE = 16


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
    while logs:
        chosen = _choose(listing.compacted, logs[:_LOGS_AT_ONCE])
        target = parquet_path(folder, chosen[0].first, chosen[-1].last)
        rewrite(table, chosen, target, lambda condition: merged_rows(table, where=condition))
        remove_superseded(root, table)
        listing = list_segments(folder)
        logs = [segment for segment in listing.logs if segment.last < below]
    return True


def remove_superseded(root: Path, table: TableSchema) -> None:
    """Delete what a crash left behind: temporary files, and files that a compacted segment covers."""
    folder = root / table.name
    for segment in list_segments(folder).superseded:
        segment.path.unlink(missing_ok=True)
    for path in folder.glob(f"*{TEMPORARY_SUFFIX}"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
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
