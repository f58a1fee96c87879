"""Which files of a table hold its rows: names, numbers, and which file stands in for which.

`00000042.log` is log segment 42. `00000007-00000041.parquet` holds what was in the segments 7 to 41.
The name alone says what a file covers, so there is no catalogue that could disagree with the files: a
segment that lies within another one's range was compacted into it and is only waiting to be deleted.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from makespan_collector.store.contract import TableFiles

_LOG = re.compile(r"(\d{8,})\.log")
_PARQUET = re.compile(r"(\d{8,})-(\d{8,})\.parquet")
TEMPORARY_SUFFIX = ".tmp"


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file of a table; `first` and `last` are the numbers of the log segments it covers."""

    first: int
    last: int
    path: Path

    @property
    def is_log(self) -> bool:
        """Whether this is an appended log, not a compacted segment."""
        return self.path.suffix == ".log"

    def covers(self, other: Segment) -> bool:
        """Whether everything in `other` is in this compacted segment too."""
        return not self.is_log and self.path != other.path and self.first <= other.first and other.last <= self.last


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one table at one instant, oldest first."""

    live: tuple[Segment, ...]
    superseded: tuple[Segment, ...]

    @property
    def logs(self) -> tuple[Segment, ...]:
        """Live log segments."""
        return tuple(segment for segment in self.live if segment.is_log)

    @property
    def compacted(self) -> tuple[Segment, ...]:
        """Live Parquet segments."""
        return tuple(segment for segment in self.live if not segment.is_log)

    @property
    def last_number(self) -> int:
        """The highest number ever used; 0 in an empty table."""
        return max((segment.last for segment in (*self.live, *self.superseded)), default=0)


def list_segments(folder: Path) -> Listing:
    """Read a table's folder; files with other names are not ours and are left alone."""
    if not folder.is_dir():
        return Listing((), ())  # A store of a format that had not this table, opened for reading.
    found = sorted(segment for path in folder.iterdir() if (segment := _parse(path)) is not None)
    superseded = tuple(segment for segment in found if any(other.covers(segment) for other in found))
    gone = set(superseded)
    return Listing(tuple(segment for segment in found if segment not in gone), superseded)


def is_segment_name(name: str) -> bool:
    """Whether a file of this name is a segment."""
    return _parse(Path(name)) is not None


def table_files(root: Path, name: str) -> TableFiles:
    """How many files a table has, and how big they are; none when its folder is gone."""
    try:
        listing = list_segments(root / name)
    except OSError:
        return TableFiles(name, 0, 0, 0)
    size_bytes = 0
    for segment in listing.live:
        # A compaction beside us may just have deleted it.
        with contextlib.suppress(OSError):
            size_bytes += segment.path.stat().st_size
    return TableFiles(name, len(listing.logs), len(listing.compacted), size_bytes)


def log_path(folder: Path, number: int) -> Path:
    """Where log segment `number` is."""
    return folder / f"{number:08d}.log"


def parquet_path(folder: Path, first: int, last: int) -> Path:
    """Where the compacted segment of logs `first` to `last` is."""
    return folder / f"{first:08d}-{last:08d}.parquet"


def _parse(path: Path) -> Segment | None:
    if match := _LOG.fullmatch(path.name):
        return Segment(int(match[1]), int(match[1]), path)
    if match := _PARQUET.fullmatch(path.name):
        return Segment(int(match[1]), int(match[2]), path)
    return None
