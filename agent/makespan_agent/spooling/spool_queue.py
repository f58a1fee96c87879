"""The spool's sending side: one sender at a time, and every record either sent, kept, or set aside.

Locks are flock(2): they vanish with their process, so a killed exporter leaves nothing claimed.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from makespan_agent.spooling.spool import FAILURE_NOTE, OPEN_SUFFIX, SUFFIX, waiting

REJECTED_FOLDER = "rejected"
MAX_REJECTED = 512
"""Records set aside: enough to see a pattern in, and 10 MB with all their samples."""
_SENDER_LOCK = ".sender-lock"
_WAITER_LOCK = ".waiter-lock"
_RETRIER_LOCK = ".retrier-lock"
_POLL_S = 0.02
_ABANDONED_S = 3600.0


class SpoolQueue:
    """The waiting records of one spool directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def names(self) -> list[str]:
        """The waiting records, oldest first."""
        return waiting(str(self.directory))

    def read(self, name: str) -> bytes | None:
        """A record's bytes; None when it has gone (dropped to make room)."""
        try:
            return (self.directory / name).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        """Forget a record that was sent."""
        (self.directory / name).unlink(missing_ok=True)

    def reject(self, name: str, reason: str) -> None:
        """Set a record aside that can never be sent, with the reason in a file beside it; the oldest ones go."""
        folder = self.directory / REJECTED_FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            (self.directory / name).rename(folder / name)
        except FileNotFoundError:
            return
        (folder / f"{name}.reason").write_text(f"{reason}\n", "utf-8")
        kept = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
        for path in kept[:-MAX_REJECTED]:
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.reason").unlink(missing_ok=True)

    def note_failure(self, endpoint: str, reason: str) -> None:
        """Leave a note that the next wrapped step shows."""
        temporary = self.directory / f".{os.getpid()}-{FAILURE_NOTE}"
        temporary.write_text(f"{endpoint}\t{reason}\n", "utf-8")
        temporary.rename(self.directory / FAILURE_NOTE)

    def clear_failure(self) -> None:
        """Sending works again."""
        (self.directory / FAILURE_NOTE).unlink(missing_ok=True)

    def remove_abandoned(self, now_s: float) -> None:
        """Delete half-written files of agents that were killed over an hour ago."""
        for path in (*self.directory.glob(".*.step"), *self.directory.glob(f".*{OPEN_SUFFIX}")):
            try:
                if now_s - path.stat().st_mtime > _ABANDONED_S:
                    path.unlink()
            except FileNotFoundError:
                continue

    @contextmanager
    def sole_sender(self) -> Iterator[bool]:
        """Become the sender, or the one process that waits to be; yields False when both are taken.

        Whoever is turned away can rely on the waiter: it lists the records after this call.
        """
        with self._lock(_WAITER_LOCK) as waiter:
            if not _try_lock(waiter):
                yield False
                return
            with self._lock(_SENDER_LOCK) as sender:
                fcntl.flock(sender, fcntl.LOCK_EX)
                fcntl.flock(waiter, fcntl.LOCK_UN)
                yield True

    @contextmanager
    def sole_retrier(self) -> Iterator[bool]:
        """Become the one process that stays to try again; yields False when there is one.

        Its holder is not the sender meanwhile: a flush, or the exporter of the next step, need not wait for it.
        """
        with self._lock(_RETRIER_LOCK) as retrier:
            yield _try_lock(retrier)

    @contextmanager
    def sender_within(
        self,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[bool]:
        """Become the sender once the present one is done; yields False when that took too long."""
        deadline_s = clock() + timeout_s
        with self._lock(_SENDER_LOCK) as sender:
            while not _try_lock(sender):
                if clock() >= deadline_s:
                    yield False
                    return
                sleep(_POLL_S)
            yield True

    @contextmanager
    def _lock(self, name: str) -> Iterator[int]:
        descriptor = os.open(self.directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)  # Gives the lock back.


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
