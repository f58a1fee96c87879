"""Logs rewritten into sorted, deduplicated, compressed Parquet segments, and small segments merged into larger ones.

Crash-safe by order: the new segment is complete and durable before it gets its name, and has its name
before what it replaces is deleted. A crash in between leaves either a temporary file or files that the
new segment covers; both are recognised by name and deleted when the store is next opened for writing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from makespan_collector.store.embedded.log_sorting import sort_logs
from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.segment_writing import rewrite
from makespan_collector.store.embedded.segments import TEMPORARY_SUFFIX, Segment, list_segments, parquet_path
from makespan_collector.store.schema import TableSchema

# Merging a segment into one at least half its size bounds both how often a row is rewritten and how
# many segments there are by the logarithm of the data (O'Neil et al., The Log-Structured Merge-Tree, 1996).
_SIZE_RATIO = 2
# Under this size a segment's cost is that of opening it, so it is merged whatever the ratio.
_SMALL_BYTES = 1024 * 1024
_PORTION_BYTES = 64 * 1024 * 1024
"""Of logs that are rewritten at once, which happens in memory."""


def compact_logs(root: Path, table: TableSchema, *, below: int) -> bool:
    """Make segments of the closed logs of a table, those numbered under `below`; True when there were any.

    Raises:
        OSError: A segment could not be written; its logs are untouched.
        UnavailableError: They could not be put together.
        InputError: A log is damaged.
    """
    folder = root / table.name
    logs = [segment for segment in list_segments(folder).logs if segment.last < below]
    for portion in _portions(logs):
        sort_logs(table, portion, parquet_path(folder, portion[0].first, portion[-1].last))
        for log in portion:
            log.path.unlink(missing_ok=True)
    return bool(logs)


def merge_segments(root: Path, table: TableSchema, from_segments: int = 2) -> bool:
    """Merge the newest segments of a table with those before them that are not much larger.

    Args:
        root: The store's directory.
        table: Which.
        from_segments: With fewer segments nothing is done.

    Returns:
        Whether some were merged.

    Raises:
        OSError: The new segment could not be written; the old ones are untouched.
        UnavailableError: The old ones could not be read together.
    """
    folder = root / table.name
    compacted = list_segments(folder).compacted
    chosen = _choose(compacted)
    if len(compacted) < from_segments or len(chosen) < 2:
        return False
    target = parquet_path(folder, chosen[0].first, chosen[-1].last)
    rewrite(table, chosen, target, lambda condition: merged_rows(table, where=condition))
    remove_superseded(root, table)
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


def _portions(logs: Sequence[Segment]) -> Iterator[list[Segment]]:
    """The logs in their order, a few at a time."""
    portion: list[Segment] = []
    size_bytes = 0
    for log in logs:
        log_bytes = log.path.stat().st_size
        if portion and size_bytes + log_bytes > _PORTION_BYTES:
            yield portion
            portion, size_bytes = [], 0
        portion.append(log)
        size_bytes += log_bytes
    if portion:
        yield portion


def _choose(compacted: Sequence[Segment]) -> list[Segment]:
    """The newest segment, and those before it as long as they are not much larger than what comes after them."""
    chosen: list[Segment] = []
    size_bytes = 0
    for segment in reversed(compacted):
        segment_bytes = segment.path.stat().st_size
        if chosen and segment_bytes > max(_SMALL_BYTES, _SIZE_RATIO * size_bytes):
            break
        chosen.insert(0, segment)
        size_bytes += segment_bytes
    return chosen
