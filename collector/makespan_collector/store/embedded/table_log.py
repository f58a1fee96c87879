"""The log of one table that is being written, and those that were closed and wait to be compacted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from makespan_collector.store.embedded.compaction import compact_logs, merge_segments, remove_superseded
from makespan_collector.store.embedded.log_segment import LogWriter, repair_log
from makespan_collector.store.embedded.segments import list_segments, log_path
from makespan_collector.store.schema import SEQUENCE_SHIFT, Samples, Spans, TableSchema, joined_batch
from makespan_model.errors import UnavailableError

LOG_LIMIT_BYTES = 32 * 1024 * 1024
"""Of a log that is appended to; then another is begun."""

_log = logging.getLogger(__name__)


class TableLog:
    """The segment of one table that is being written.

    Args:
        root: The store's directory.
        table: Which.
        writing: The store's lock, which is held around every call but `compact` and `merge`.
        clock_s: Monotonic seconds.

    Attributes:
        closed_logs: How many wait to be compacted.
        closed_bytes: Their size.
        closed_since_s: When the first of them was closed, by the clock.

    Raises:
        InputError: A log is damaged.
    """

    def __init__(
        self, root: Path, table: TableSchema, writing: threading.Lock, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._root = root
        self._table = table
        self._writing = writing
        self._clock_s = clock_s
        self._writer: LogWriter | None = None
        self._opened_s = 0.0
        remove_superseded(root, table)
        listing = list_segments(root / table.name)
        for segment in listing.logs:
            if repair_log(segment.path, table.columns, table.first_columns):
                _log.warning("%s ended in the middle of a write, which was not acknowledged; cut off", segment.path)
        self._number = listing.last_number
        self.closed_logs = len(listing.logs)
        self.closed_bytes = sum(segment.path.stat().st_size for segment in listing.logs)
        self.closed_since_s = clock_s()

    def append(self, parts: Sequence[Spans | Samples]) -> None:
        """Write all parts as one frame.

        Raises:
            UnavailableError: It is not durable.
        """
        if not any(len(part) for part in parts):
            return
        writer = self._open()
        batch = joined_batch(self._table, parts, (self._number << SEQUENCE_SHIFT) + writer.rows)
        assert batch is not None
        try:
            writer.append(batch)
        except OSError as error:
            # After a failed flush the kernel may have dropped dirty pages: this file is not written to again.
            self.rotate()
            raise self._unavailable(error) from error
        if writer.size_bytes >= LOG_LIMIT_BYTES:
            self.rotate()

    def rotate(self) -> None:
        """Close the log that is being written; the next append starts another."""
        if self._writer is not None:
            self._writer.close()
            if not self.closed_logs:
                self.closed_since_s = self._clock_s()
            self.closed_logs += 1
            self.closed_bytes += self._writer.size_bytes
            self._writer = None

    def rotate_if(self, size_bytes: int, age_s: float) -> None:
        """Do so if it has reached a size and an age."""
        writer = self._writer
        if writer is not None and writer.size_bytes >= size_bytes and self._clock_s() - self._opened_s >= age_s:
            self.rotate()

    def compact(self) -> None:
        """Make segments of the closed logs; appends may go on meanwhile.

        Raises:
            OSError: One could not be written; nothing is lost.
            UnavailableError: Rows could not be put together.
        """
        with self._writing:
            first_open = self._number if self._writer is not None else self._number + 1
        try:
            compact_logs(self._root, self._table, below=first_open)
        finally:
            with self._writing:
                logs = list_segments(self._root / self._table.name).logs
                closed = [log for log in logs if self._writer is None or log.first < self._number]
                self.closed_logs = len(closed)
                self.closed_bytes = sum(log.path.stat().st_size for log in closed)
                self.closed_since_s = self._clock_s()

    def merge(self, from_segments: int) -> None:
        """Merge small segments where there are so many; raises the same."""
        merge_segments(self._root, self._table, from_segments)

    def _open(self) -> LogWriter:
        """The log that is being written; a new one where there is none."""
        if self._writer is None:
            self._number += 1
            try:
                self._writer = LogWriter(log_path(self._root / self._table.name, self._number), self._table.columns)
            except OSError as error:
                raise self._unavailable(error) from error
            self._opened_s = self._clock_s()
        return self._writer

    def _unavailable(self, error: OSError) -> UnavailableError:
        return UnavailableError(f"cannot write to the store {self._root}: {error.strerror or error}")
