"""When closed logs are compacted: beside the appends, but not while they come thick and fast.

What a burst brings is written to logs, which cost little, and compacted when it is over. Until then queries read the
logs, so there is a bound to how much waits, and for how long.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from makespan_collector.store.embedded.table_log import TableLog
from makespan_model.errors import MakespanError

QUIET_S = 2.0
"""Without an append for so long a burst is over."""
MOST_WAITING_BYTES = 128 * 1024 * 1024
"""Of closed logs of a table: a query reads them all, some hundred megabytes in a tenth of a second."""
MOST_WAITING_S = 10.0
"""How long a closed log waits while appends keep coming, and how old one gets that is worth closing."""
WORTH_CLOSING_BYTES = 8 * 1024 * 1024
"""A query reads an open log of this size in some ten milliseconds."""
MOST_SEGMENTS = 16
"""Each costs a query a millisecond; more are merged even while appends keep coming."""
_POLL_S = 0.25

_log = logging.getLogger(__name__)


class BackgroundCompaction:
    """Compacts in a thread of its own, which lives from the first closed log until there is nothing left to do.

    Args:
        root: The store's directory, for messages.
        logs: Of its tables.
        writing: The lock under which they are written.
        clock_s: Monotonic seconds.

    Attributes:
        lock: Held by whoever rewrites segments.
        compactions: Ended so far.
        compaction_s: What they took.
    """

    def __init__(
        self,
        root: Path,
        logs: Mapping[str, TableLog],
        writing: threading.Lock,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._logs = logs
        self._writing = writing
        self._clock_s = clock_s
        self._last_append_s = 0.0
        self._is_running = False
        self._owes_merge = False
        self._stopping = threading.Event()
        self.lock = threading.Lock()
        self.compactions = 0
        self.compaction_s = 0.0

    def appended(self) -> None:
        """Take notice of an append; the lock under which logs are written is held."""
        self._last_append_s = self._clock_s()
        for log in self._logs.values():
            log.rotate_if(WORTH_CLOSING_BYTES, MOST_WAITING_S)
        if not self._is_running and self._is_waiting() and not self._stopping.is_set():
            self._start()

    def compact(self) -> None:
        """Compact the closed logs of every table, and merge segments; `lock` is held.

        Raises:
            OSError: A segment could not be written; nothing is lost.
            UnavailableError: Rows could not be put together.
        """
        self._compact(is_quiet=True)

    def stop(self) -> None:
        """Let the thread end when what it does is done; it does not start again."""
        self._stopping.set()

    def _start(self) -> None:
        try:
            # Not a daemon: the interpreter waits for it.
            threading.Thread(target=self._run, name="makespan-compaction").start()
        except RuntimeError as error:
            _log.warning("compaction of %s has to wait: %s", self._root, error)
        else:
            self._is_running = True

    def _run(self) -> None:
        try:
            while not self._has_ended():
                if self._is_due():
                    with self.lock:
                        self._compact(is_quiet=self._is_quiet())
                else:
                    self._stopping.wait(_POLL_S)
        except (OSError, MakespanError) as error:
            _log.warning("compaction of %s failed, nothing is lost: %s", self._root, error)
            with self._writing:
                self._is_running = False

    def _has_ended(self) -> bool:
        """Whether there is nothing left to do; a later append starts another thread then."""
        with self._writing:
            if self._is_quiet():
                for log in self._logs.values():
                    log.rotate_if(WORTH_CLOSING_BYTES, 0.0)
            is_done = self._is_quiet() and not self._is_waiting() and not self._owes_merge
            if self._stopping.is_set() or is_done:
                self._is_running = False
            return not self._is_running

    def _is_waiting(self) -> bool:
        return any(log.closed_logs for log in self._logs.values())

    def _is_due(self) -> bool:
        if self._is_quiet():
            return True
        long_ago_s = self._clock_s() - MOST_WAITING_S
        return any(
            log.closed_bytes >= MOST_WAITING_BYTES or (log.closed_logs and log.closed_since_s <= long_ago_s)
            for log in self._logs.values()
        )

    def _is_quiet(self) -> bool:
        return self._clock_s() - self._last_append_s >= QUIET_S

    def _compact(self, *, is_quiet: bool) -> None:
        started_s = time.monotonic()
        for log in self._logs.values():
            log.compact()
            # Merging rewrites what is sorted and compressed already, so it can wait for quiet.
            log.merge(2 if is_quiet else MOST_SEGMENTS)
        self._owes_merge = not is_quiet
        self.compactions += 1
        self.compaction_s += time.monotonic() - started_s
