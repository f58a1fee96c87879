"""The process tree through psutil, for systems without Linux's /proc.

Loaded only there: importing psutil takes 25 ms and 4 MB, and a reading of it costs ten times as much as
one of `makespan_agent.measuring.process_tree`.
"""

from __future__ import annotations

import psutil

from makespan_agent.measuring.executable_shares import ExecutableShares
from makespan_agent.measuring.process_files import ProcessFigures, TreeReading


class PsutilTree:
    """The descendants of one process, read as `ProcessTree` does.

    Args:
        root_pid: Its descendants are read, it is not.
    """

    def __init__(self, root_pid: int) -> None:
        self.shares = ExecutableShares()
        self._root = psutil.Process(root_pid)
        self._members: dict[tuple[int, float], PsutilProcess] = {}

    def read(self) -> TreeReading:
        """Sum over the living descendants of the root.

        Raises:
            psutil.Error: The root cannot be read.
        """
        reading = TreeReading()
        self.shares.begin_reading()
        for process in self._root.children(recursive=True):
            try:
                member = self._members.setdefault((process.pid, process.create_time()), PsutilProcess(process))
                member.read()
            except psutil.Error:
                continue  # It ended between the listing and now.
            reading.add(member)
            self.shares.add(member)
        return reading

    def look_at_the_dead(self, pid: int) -> None:
        """Do nothing: psutil tells little of a process that has ended."""

    def close(self) -> None:
        """Forget the processes; psutil keeps no file open."""
        self._members.clear()


class PsutilProcess(ProcessFigures):
    """One process as psutil sees it."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__()
        self._process = process

    def read(self) -> None:
        """Take its figures.

        Raises:
            psutil.Error: It is gone.
        """
        with self._process.oneshot():
            self.name = self._process.name()
            times = self._process.cpu_times()
            self.user_s, self.system_s = times.user, times.system
            # macOS and Windows do not tell what a process's children used.
            self.children_user_s = getattr(times, "children_user", 0.0)
            self.children_system_s = getattr(times, "children_system", 0.0)
            self.is_zombie = self._process.status() == psutil.STATUS_ZOMBIE
            self.resident_bytes = 0 if self.is_zombie else self._process.memory_info().rss
            self._read_io()

    def _read_io(self) -> None:
        try:
            counters = self._process.io_counters()
            self.read_bytes, self.write_bytes = counters.read_bytes, counters.write_bytes
        except (AttributeError, psutil.Error):
            self.read_bytes = self.write_bytes = None
