"""One reading of everything the agent started, through psutil.

Loaded only once a command has run for a while: importing psutil takes 25 ms.
"""

from __future__ import annotations

import psutil


class TreeReading:
    """Counters of all living processes of the tree, each with the descendants it waited for."""

    __slots__ = ("cpu_system_s", "cpu_user_s", "memory_bytes", "processes", "read_bytes", "write_bytes")

    def __init__(self) -> None:
        self.cpu_user_s = 0.0
        self.cpu_system_s = 0.0
        self.memory_bytes = 0
        self.processes = 0
        self.read_bytes: int | None = 0
        self.write_bytes: int | None = 0


class ProcessTree:
    """The descendants of one process; orphans stay in it, because the agent is their subreaper."""

    def __init__(self, root_pid: int) -> None:
        self._root = psutil.Process(root_pid)

    def read(self) -> TreeReading:
        """Sum over the living descendants of the root, the root itself left out.

        Raises:
            psutil.Error: The root cannot be read (a restricted /proc).
        """
        reading = TreeReading()
        for process in self._root.children(recursive=True):
            try:
                _add(reading, process)
            except psutil.Error:
                continue  # It ended between the listing and now.
        return reading


def _add(reading: TreeReading, process: psutil.Process) -> None:
    with process.oneshot():
        times = process.cpu_times()
        reading.cpu_user_s += times.user + times.children_user
        reading.cpu_system_s += times.system + times.children_system
        reading.memory_bytes += process.memory_info().rss
        reading.processes += 1
        if reading.read_bytes is None or reading.write_bytes is None:
            return
        try:
            counters = process.io_counters()
        except psutil.ZombieProcess:
            return
        except psutil.AccessDenied:
            # Another user's process (sudo): a sum without it would be wrong.
            reading.read_bytes = reading.write_bytes = None
            return
        reading.read_bytes += counters.read_bytes
        reading.write_bytes += counters.write_bytes
