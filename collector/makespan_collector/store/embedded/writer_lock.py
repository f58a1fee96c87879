"""One writer a store, enforced by the kernel: the lock goes with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from makespan_model.errors import UnavailableError


class WriterLock:
    """Holds the right to write a store from creation to `release`.

    Args:
        path: The lock file; it holds the writer's process id for people to read.

    Raises:
        UnavailableError: Another process writes this store; the message names its pid.
    """

    def __init__(self, path: Path) -> None:
        # Opened without truncation: the pid inside belongs to the holder until we hold the lock.
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise UnavailableError(
                f"the store {path.parent} is already being written by process {holder}; "
                "send data to that collector, stop it, or name another directory with --store"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def is_held(self) -> bool:
        """Whether the file we locked is still the one that others would lock."""
        if self._descriptor < 0:
            return False
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def release(self) -> None:
        """Let another process write; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
