"""One reading of everything the agent started, from /proc through descriptors that stay open.

A process's files are opened once; from then on a reading costs one pread(2) each. psutil, which opens
them anew every time and takes 25 ms to import, is left to systems without /proc.
"""

from __future__ import annotations

import os

from makespan_agent.measuring.executable_shares import ExecutableShares
from makespan_agent.measuring.process_files import ProcessFiles, TreeReading, first_look

_MAX_KEPT_OPEN = 200
"""Processes whose two files stay open: 400 descriptors of the 1,024 that most systems allow."""
_MAX_PSS_BYTES = 1 << 30
"""smaps_rollup walks the page tables, some 20 ms a GB, holding a lock that the process may want."""
_PSS_STEP = 1.02
"""Proportional sizes are read when the resident sum has grown by this factor: only their peak is wanted."""


class ProcessTree:
    """The descendants of one process; orphans stay in it, because the agent is their subreaper.

    Args:
        root_pid: Its descendants are read, it is not.
    """

    def __init__(self, root_pid: int) -> None:
        self.shares = ExecutableShares()
        self._root_pid = root_pid
        self._members: dict[int, ProcessFiles] = {}
        self._foreign: set[int] = set()
        self._largest_sum_bytes = 0

    def read(self) -> TreeReading:
        """Sum over the living descendants of the root.

        Raises:
            OSError: /proc cannot be listed.
        """
        self._look_for_new()
        reading = TreeReading()
        self.shares.begin_reading()
        for pid, process in list(self._members.items()):
            if not process.read():
                self._members.pop(pid).close()
                continue
            reading.add(process)
            self.shares.add(process)
        if reading.memory_bytes > self._largest_sum_bytes * _PSS_STEP:
            self._largest_sum_bytes = reading.memory_bytes
            reading.proportional_bytes = self._proportional_bytes()
        return reading

    def leave_out(self, pid: int) -> None:
        """A descendant that is no part of the step: the agent's own tracer."""
        self._foreign.add(pid)

    def look_at_the_dead(self, pid: int) -> None:
        """Take the last figures of a child that has ended and is not reaped yet: nobody sees them later."""
        process = self._members.get(pid)
        if process is not None and process.read():
            self.shares.add(process)

    def close(self) -> None:
        """Close every file."""
        for process in self._members.values():
            process.close()
        self._members.clear()

    def _look_for_new(self) -> None:
        """Judge each pid once: a process belongs here if its parent did when it was born, and that never changes."""
        listed = {int(name) for name in os.listdir("/proc") if name.isdecimal()}
        self._foreign &= listed
        parents = {}
        for pid in listed - self._foreign - self._members.keys():
            parent = first_look(pid)
            if parent is not None and pid != self._root_pid:
                parents[pid] = parent
        found = True
        while found:
            found = False
            for pid, parent in list(parents.items()):
                if parent == self._root_pid or parent in self._members:
                    self._members[pid] = ProcessFiles(pid, keep_open=len(self._members) < _MAX_KEPT_OPEN)
                    del parents[pid]
                    found = True
        self._foreign.update(parents)

    def _proportional_bytes(self) -> int | None:
        total = 0
        for process in self._members.values():
            if process.is_zombie or not process.resident_bytes:
                continue
            share = process.proportional_bytes() if process.resident_bytes <= _MAX_PSS_BYTES else None
            if share is None:
                return None
            total += share
        return total
