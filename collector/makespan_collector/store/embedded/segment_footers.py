"""What a compacted segment says of itself in its footer, read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from makespan_model.errors import InputError


@dataclass(frozen=True, slots=True)
class Footer:
    """What is in a compacted segment.

    Attributes:
        columns: Their names; a segment may lack some that its table has now, and have some that are derived.
        row_bytes: Of a row as it is in memory, on the average, without what compression saves.
        first_ns: The earliest time in it; None in a segment without rows. `last_ns` is the latest.
    """

    rows: int
    columns: tuple[str, ...]
    row_bytes: float
    first_ns: int | None
    last_ns: int | None


def footer_of(path: Path, time: str) -> Footer:
    """Read a segment's footer; `time` is the table's column of times.

    Raises:
        FileNotFoundError: A compaction has deleted it.
        InputError: It is damaged.
    """
    status = path.stat()
    # A prune gives a new file an old one's name.
    return _footer(path, time, (status.st_ino, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=256)
def _footer(path: Path, time: str, _: tuple[int, int, int]) -> Footer:
    try:
        found = pq.read_metadata(path)
        names = found.schema.names
        place = names.index(time)
        groups = [found.row_group(number) for number in range(found.num_row_groups)]
        times = [group.column(place).statistics for group in groups if group.num_rows]
        size_bytes = sum(group.total_byte_size for group in groups)
        return Footer(
            found.num_rows,
            tuple(names),
            size_bytes / max(1, found.num_rows),
            min((span.min for span in times), default=None),
            max((span.max for span in times), default=None),
        )
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
