"""What /proc says of one process, and the sum of such readings (proc(5))."""

from __future__ import annotations

import os

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LONGEST_COMM = 15
"""The kernel cuts a process's name after 15 bytes (TASK_COMM_LEN)."""
_RUNTIME_NAMES = frozenset({"MainThread", "node-MainThread"})
"""Names that a runtime gives to its main thread; the executable's own says more."""


class ProcessFigures:
    """What is known of one process.

    Attributes:
        name: What ps calls it: the executable, or the script that names an interpreter.
        user_s, system_s: CPU seconds of its own.
        children_user_s, children_system_s: Of the descendants it has waited for.
        read_bytes, write_bytes: From and to storage, those descendants included; None where that is hidden.
        attributed_s: For the breakdown: CPU seconds that are already in it.
        counted_as: For the breakdown: the name under which it was counted.
    """

    __slots__ = (
        "attributed_s",
        "children_system_s",
        "children_user_s",
        "counted_as",
        "is_zombie",
        "name",
        "read_bytes",
        "resident_bytes",
        "system_s",
        "user_s",
        "write_bytes",
    )

    def __init__(self) -> None:
        self.name = ""
        self.counted_as: str | None = None
        self.attributed_s = 0.0
        self.user_s = self.system_s = self.children_user_s = self.children_system_s = 0.0
        self.resident_bytes = 0
        self.is_zombie = False
        self.read_bytes: int | None = None
        self.write_bytes: int | None = None


class ProcessFiles(ProcessFigures):
    """One living process; its figures are those of the last `read` that returned true.

    Args:
        pid: Its number.
        keep_open: Whether to read it through descriptors that stay open.
    """

    __slots__ = ("_comm", "_io", "_pid", "_stat")

    def __init__(self, pid: int, *, keep_open: bool) -> None:
        super().__init__()
        self._pid = pid
        self._comm = ""
        self._stat = _opened(f"/proc/{pid}/stat") if keep_open else -1
        self._io = _opened(f"/proc/{pid}/io") if keep_open else -1

    def read(self) -> bool:
        """Take its figures; false when it is gone."""
        try:
            # What is kept open stays with this process, also when its number is given to another one.
            data = os.pread(self._stat, 1024, 0) if self._stat >= 0 else _whole(f"/proc/{self._pid}/stat")
            comm, fields = _fields(data)
            user, system, children_user, children_system = map(int, fields[11:15])
        except (OSError, ValueError):
            return False
        self.is_zombie = fields[0] in (b"Z", b"X")
        self.user_s, self.system_s = user / _TICKS_PER_S, system / _TICKS_PER_S
        self.children_user_s, self.children_system_s = children_user / _TICKS_PER_S, children_system / _TICKS_PER_S
        self.resident_bytes = 0 if self.is_zombie else int(fields[21]) * _PAGE_BYTES
        if comm != self._comm:
            self._comm, self.name = comm, self._better_name(comm)
        self._read_io()
        return True

    def proportional_bytes(self) -> int | None:
        """Its proportional set size (PSS); None where it cannot be read."""
        try:
            for line in _whole(f"/proc/{self._pid}/smaps_rollup").splitlines():
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
        except (OSError, ValueError, IndexError):
            pass
        return None

    def close(self) -> None:
        """Close its files."""
        for descriptor in (self._stat, self._io):
            if descriptor >= 0:
                os.close(descriptor)
        self._stat = self._io = -1

    def _read_io(self) -> None:
        try:
            data = os.pread(self._io, 512, 0) if self._io >= 0 else _whole(f"/proc/{self._pid}/io")
            counters = dict(line.split(b": ") for line in data.splitlines())
            self.read_bytes, self.write_bytes = int(counters[b"read_bytes"]), int(counters[b"write_bytes"])
        except (OSError, ValueError, KeyError):
            # Another user's process (sudo), or one that is ending.
            self.read_bytes = self.write_bytes = None

    def _better_name(self, comm: str) -> str:
        if len(comm.encode("utf-8", "surrogateescape")) < _LONGEST_COMM and comm not in _RUNTIME_NAMES:
            return comm
        try:
            executable = os.path.basename(os.readlink(f"/proc/{self._pid}/exe")).removesuffix(" (deleted)")
        except OSError:
            return comm
        return executable if comm in _RUNTIME_NAMES or executable.startswith(comm) else comm


class TreeReading:
    """Sum over processes, each with the descendants it waited for.

    Attributes:
        memory_bytes: Sum of resident sizes.
        proportional_bytes: Sum of proportional sizes (PSS), in which a shared page counts once; None
            where it was not read.
        read_bytes, write_bytes: From and to storage; None when a process hides its own.
    """

    __slots__ = (
        "cpu_system_s",
        "cpu_user_s",
        "memory_bytes",
        "processes",
        "proportional_bytes",
        "read_bytes",
        "write_bytes",
    )

    def __init__(self) -> None:
        self.cpu_user_s = 0.0
        self.cpu_system_s = 0.0
        self.memory_bytes = 0
        self.proportional_bytes: int | None = None
        self.processes = 0
        self.read_bytes: int | None = 0
        self.write_bytes: int | None = 0

    def add(self, process: ProcessFigures) -> None:
        """Count a process, also one that has ended and is not waited for yet: what it used is in no other figure."""
        self.cpu_user_s += process.user_s + process.children_user_s
        self.cpu_system_s += process.system_s + process.children_system_s
        if not process.is_zombie:
            self.processes += 1
            self.memory_bytes += process.resident_bytes
        if process.read_bytes is not None and process.write_bytes is not None:
            if self.read_bytes is not None and self.write_bytes is not None:
                self.read_bytes += process.read_bytes
                self.write_bytes += process.write_bytes
        elif not process.is_zombie:
            self.read_bytes = self.write_bytes = None  # A sum without it would be wrong.


def first_look(pid: int) -> int | None:
    """The process's parent; None when it is gone."""
    try:
        return int(_fields(_whole(f"/proc/{pid}/stat"))[1][1])
    except (OSError, ValueError, IndexError):
        return None


def _fields(stat: bytes) -> tuple[str, list[bytes]]:
    """The name, which may hold spaces and parentheses, and the fields after it, the state being the first."""
    head, closed, tail = stat.rpartition(b")")
    if not closed:
        raise ValueError("not a line of /proc/<pid>/stat")
    return head.partition(b"(")[2].decode("utf-8", "surrogateescape"), tail.split()


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _whole(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
