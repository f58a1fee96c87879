"""What the whole machine is doing while a step runs, from files of /proc that stay open (proc(5))."""

from __future__ import annotations

import os

_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_SECTOR_BYTES = 512
"""The unit of /proc/diskstats, whatever the disk's own sectors are (Documentation/admin-guide/iostats.rst)."""
_STACKED = ("loop", "ram", "zram", "dm-", "md", "sr", "fd")
"""Block devices that have no storage of their own, or only a memory's: what they do is counted below them."""


class HostReading:
    """Counters and levels of the machine at one instant; None for what could not be read.

    Attributes:
        busy_s: CPU seconds, over all CPUs, that were neither idle nor waiting for a disk, since the boot.
        disk_read_bytes, disk_write_bytes: Of all disks since the boot.
    """

    __slots__ = ("busy_s", "disk_read_bytes", "disk_used_bytes", "disk_write_bytes", "load", "memory_available_bytes")

    def __init__(self) -> None:
        self.busy_s: float | None = None
        self.memory_available_bytes: int | None = None
        self.load: float | None = None
        self.disk_used_bytes: int | None = None
        self.disk_read_bytes: int | None = None
        self.disk_write_bytes: int | None = None


class Host:
    """The machine's files, opened once.

    Args:
        directory: Its file system is the one whose used space is read.
        root: Put before /proc and /sys; tests give a tree of files.
    """

    def __init__(self, directory: str = ".", root: str = "") -> None:
        self._directory = directory
        self._stat = _opened(f"{root}/proc/stat")
        self._memory = _opened(f"{root}/proc/meminfo")
        self._load = _opened(f"{root}/proc/loadavg")
        self._disks = _opened(f"{root}/proc/diskstats")
        try:
            names = os.listdir(f"{root}/sys/block")
        except OSError:
            names = []
        self._disk_names = {name.encode() for name in names if not name.startswith(_STACKED)}

    def read(self) -> HostReading:
        """Read everything once."""
        reading = HostReading()
        reading.busy_s = _busy_s(_content(self._stat, 4096))
        reading.memory_available_bytes = _memory_available_bytes(_content(self._memory, 1024))
        reading.load = _load(_content(self._load, 128))
        disks = _disk_bytes(_content(self._disks, 65_536), self._disk_names)
        if disks is not None:
            reading.disk_read_bytes, reading.disk_write_bytes = disks
        try:
            space = os.statvfs(self._directory)
            reading.disk_used_bytes = (space.f_blocks - space.f_bfree) * space.f_frsize
        except OSError:
            pass
        return reading

    def close(self) -> None:
        """Close the files."""
        for descriptor in (self._stat, self._memory, self._load, self._disks):
            if descriptor >= 0:
                os.close(descriptor)
        self._stat = self._memory = self._load = self._disks = -1


def _busy_s(data: bytes) -> float | None:
    """First line: `cpu user nice system idle iowait irq softirq steal guest guest_nice`, in ticks.

    guest and guest_nice are in user and nice already; steal is time other machines had.
    """
    try:
        user, nice, system, _, _, irq, softirq = map(int, data.partition(b"\n")[0].split()[1:8])
    except ValueError:
        return None
    return (user + nice + system + irq + softirq) / _TICKS_PER_S


def _memory_available_bytes(data: bytes) -> int | None:
    for line in data.splitlines():
        if line.startswith(b"MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _load(data: bytes) -> float | None:
    try:
        return float(data.split()[0])
    except (ValueError, IndexError):
        return None


def _disk_bytes(data: bytes, disks: set[bytes]) -> tuple[int, int] | None:
    read_sectors = written_sectors = 0
    found = False
    for line in data.splitlines():
        fields = line.split()
        if len(fields) > 9 and fields[2] in disks:
            found = True
            read_sectors += int(fields[5])
            written_sectors += int(fields[9])
    return (read_sectors * _SECTOR_BYTES, written_sectors * _SECTOR_BYTES) if found else None


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _content(descriptor: int, size: int) -> bytes:
    try:
        return os.pread(descriptor, size, 0) if descriptor >= 0 else b""
    except OSError:
        return b""
