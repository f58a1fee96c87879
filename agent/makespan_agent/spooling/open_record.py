"""The record of a running step: an append-only file that tells what became of a step whose agent is gone.

Lines, each sealed with its checksum: the start, heartbeats, the end. Renaming the file hands it to the
sender, so there is no instant at which a step is both running and ended, or neither. The agent holds
flock(2) on the file while it lives. The kernel lets go of it however the agent dies, which no process id
tells as well: ids are reused, hidden (hidepid) and different in every container that shares the spool.
"""

from __future__ import annotations

import fcntl
import os

from makespan_agent.spooling.spool import OPEN_SUFFIX, SUFFIX, make_room, seal


class OpenRecord:
    """One running step's file in the spool.

    Args:
        directory: The spool; made, for this user alone, when missing.
        text: What is known at the start, as JSON.
        start_ns: The step's start, in Unix nanoseconds.
        span_id: The step's span id.

    Raises:
        OSError: The spool cannot be written, or its file system knows no locks.
    """

    def __init__(self, directory: str, text: str, *, start_ns: int, span_id: str) -> None:
        name = f"{start_ns:020d}-{span_id}{OPEN_SUFFIX}"
        self._directory = directory
        self._span_id = span_id
        self._bytes = 0
        # Nobody may find the file before it is locked, or it would be taken for that of a killed agent.
        hidden = os.path.join(directory, f".{os.getpid()}-{name}")
        self._descriptor = _create_with_folder(hidden)
        self._path = hidden
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.append(text)
            self._path = os.path.join(directory, name)
            os.rename(hidden, self._path)
        except OSError:
            self._path = hidden
            self.discard()
            raise

    def append(self, text: str) -> None:
        """Add one line.

        Raises:
            OSError: The disk is full; the lines before are whole.
        """
        line = seal(text)
        try:
            _write_all(self._descriptor, line)
        except OSError:
            os.ftruncate(self._descriptor, self._bytes)
            raise
        self._bytes += len(line)

    def finish(self, text: str, *, end_ns: int, max_bytes: int) -> int:
        """Add the last line and hand the record to the sender.

        Args:
            text: The step's end as JSON.
            end_ns: Unix nanoseconds: the record's age.
            max_bytes: The bound on the sum of all waiting records.

        Returns:
            How many old records were dropped because the spool would have outgrown its bound.

        Raises:
            OSError: The disk is full; the record is still open.
        """
        self.append(text)
        dropped = make_room(self._directory, max_bytes - self._bytes)
        name = f"{end_ns:020d}-{self._span_id}-{self._bytes}{SUFFIX}"
        os.rename(self._path, os.path.join(self._directory, name))
        os.close(self._descriptor)
        return dropped

    def discard(self) -> None:
        """Forget the record: its step has ended and cannot be recorded."""
        try:  # noqa: SIM105 - contextlib takes 2 ms to import
            os.unlink(self._path)
        except OSError:
            pass
        os.close(self._descriptor)


def _create_with_folder(path: str) -> int:
    try:
        return _create(path)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return _create(path)


def _create(path: str) -> int:
    # O_APPEND: whatever was truncated after a full disk, the next line starts at the file's end.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
