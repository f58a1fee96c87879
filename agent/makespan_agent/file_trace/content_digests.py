"""Digests of what a step has read, taken while it runs and kept only where they are certain.

A digest is of what the step read when the file has not changed since: its change time (ctime, which no
program can set) lies before the step opened it, and stays the same while it is digested.
"""

from __future__ import annotations

import hashlib
import os
import time
from queue import Empty, SimpleQueue
from threading import Thread

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_TOTAL_BYTES = 1024 * 1024 * 1024
_MAX_TOOL_BYTES = 16 * 1024 * 1024
_EDGE_BYTES = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_CLOCK_GRAIN_NS = 10_000_000
"""ctime comes from the kernel's coarse clock, up to one timer tick (CONFIG_HZ=100) behind the exact one."""
_REGULAR_FILE, _FILE_TYPE = 0o100000, 0o170000


class ContentDigests:
    """Digests files in a thread of its own, in the order they were read."""

    def __init__(self) -> None:
        self.digests: dict[str, str | None] = {}
        self.cpu_s = 0.0
        self._total_bytes = 0
        self._asked: set[str] = set()
        self._queue: SimpleQueue[tuple[str, int, bool] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="makespan-digests", daemon=True)
        self._thread.start()

    def ask(self, path: str, read_ns: int, *, is_tool: bool = False) -> None:
        """Digest a file that was read at this time."""
        if path not in self._asked:
            self._asked.add(path)
            self._queue.put((path, read_ns, is_tool))

    def finish(self, timeout_s: float) -> Mapping[str, str | None]:
        """All digests that are done within this time; None stands for a file that cannot be vouched for."""
        self._queue.put(None)
        self._thread.join(max(0.0, timeout_s))
        if self._thread.is_alive():
            self._drop_waiting()
        return dict(self.digests)

    def _drop_waiting(self) -> None:
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            self._queue.put(None)

    def _work(self) -> None:
        while (request := self._queue.get()) is not None:
            path, read_ns, is_tool = request
            try:
                self.digests[path] = self._tool_digest(path) if is_tool else self._digest(path, read_ns)
            except OSError:
                self.digests[path] = None
            self.cpu_s = time.thread_time()

    def _digest(self, path: str, read_ns: int) -> str | None:
        # O_NONBLOCK: a FIFO would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            before = os.fstat(descriptor)
            if before.st_mode & _FILE_TYPE != _REGULAR_FILE or before.st_ctime_ns + _CLOCK_GRAIN_NS > read_ns:
                return None
            if before.st_size > MAX_FILE_BYTES or self._total_bytes + before.st_size > MAX_TOTAL_BYTES:
                return None
            digest = hashlib.sha256()
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                digest.update(chunk)
                self._total_bytes += len(chunk)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        unchanged = (after.st_ctime_ns, after.st_size) == (before.st_ctime_ns, before.st_size)
        return digest.hexdigest() if unchanged else None

    def _tool_digest(self, path: str) -> str | None:
        """Of a program: its content, or beyond 16 MiB its size and its first and last MiB."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if status.st_mode & _FILE_TYPE != _REGULAR_FILE:
                return None
            digest = hashlib.sha256()
            if status.st_size > _MAX_TOOL_BYTES:
                digest.update(str(status.st_size).encode())
                digest.update(os.pread(descriptor, _EDGE_BYTES, 0))
                digest.update(os.pread(descriptor, _EDGE_BYTES, status.st_size - _EDGE_BYTES))
                return f"partial:{digest.hexdigest()}"
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                digest.update(chunk)
            return digest.hexdigest()
        finally:
            os.close(descriptor)
