"""The control groups around this process, of version 2 and 1: where they are and what they limit.

Version 2 is described in the kernel's Documentation/admin-guide/cgroup-v2.rst, version 1 in
Documentation/admin-guide/cgroup-v1/. The hierarchies are looked for where systemd and every container
runtime mount them, /sys/fs/cgroup: reading the mount table would take longer than everything else here.
"""

from __future__ import annotations

import os

_UNLIMITED_BYTES = 1 << 60
"""Version 1 writes a huge number of its own for "no limit": the largest multiple of a page in 63 bits."""


class ControlGroups:
    """Directories of the groups a process is in, innermost first; empty where there are none.

    Args:
        root: Put before /proc and /sys; tests give a tree of files.
    """

    __slots__ = ("cpu_v1", "memory_v1", "unified")

    def __init__(self, root: str = "") -> None:
        self.unified: list[str] = []
        self.cpu_v1: list[str] = []
        self.memory_v1: list[str] = []
        mounted = f"{root}/sys/fs/cgroup"
        for line in (read_text(f"{root}/proc/self/cgroup") or "").splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if not controllers:
                # Beside version 1 it is mounted below (systemd's hybrid layout).
                hybrid = f"{mounted}/unified"
                self.unified = _chain(hybrid if os.path.isdir(hybrid) else mounted, path)
                continue
            names = controllers.split(",")
            if "cpu" in names:
                self.cpu_v1 = _chain(_first_directory(f"{mounted}/{controllers}", f"{mounted}/cpu"), path)
            if "memory" in names:
                self.memory_v1 = _chain(_first_directory(f"{mounted}/{controllers}", f"{mounted}/memory"), path)
        # What is mounted for version 2 may be version 1's plain directory of mounts.
        self.unified = [place for place in self.unified if os.path.exists(f"{place}/cgroup.procs")]

    def cpu_limit(self) -> tuple[float, str] | None:
        """The tightest CPU quota in cores, and the directory that sets it; None without one."""
        found = [(cores, place) for place in self.unified if (cores := _quota_cores(f"{place}/cpu.max"))]
        for place in self.cpu_v1:
            quota, period = read_number(f"{place}/cpu.cfs_quota_us"), read_number(f"{place}/cpu.cfs_period_us")
            if quota is not None and quota > 0 and period:
                found.append((quota / period, place))
        return min(found, default=None)

    def memory_limit(self) -> tuple[int, str] | None:
        """The tightest memory limit in bytes, and the directory that sets it; None without one."""
        files = [(place, f"{place}/memory.max") for place in self.unified]
        files += [(place, f"{place}/memory.limit_in_bytes") for place in self.memory_v1]
        found = [
            (limit, place)
            for place, path in files
            if (limit := read_number(path)) is not None and limit < _UNLIMITED_BYTES
        ]
        return min(found, default=None)


def read_text(path: str) -> str | None:
    """A small file of /proc or /sys; None when it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, 65_536).decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        os.close(descriptor)


def read_number(path: str) -> int | None:
    """The whole number a file holds; None when it cannot be read or says something else (`max`)."""
    try:
        return int(read_text(path) or "")
    except ValueError:
        return None


def _quota_cores(path: str) -> float | None:
    """`cpu.max`: `<quota> <period>` in microseconds, or `max <period>`."""
    try:
        quota, period = map(int, (read_text(path) or "").split())
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _chain(mounted: str | None, path: str) -> list[str]:
    """A group's directory and those around it, up to where its hierarchy is mounted."""
    if mounted is None or not os.path.isdir(mounted):
        return []
    # In a container the path is often the host's, while only the container's own group is mounted.
    relative = path.strip("/")
    if not relative or ".." in relative.split("/") or not os.path.isdir(f"{mounted}/{relative}"):
        return [mounted]
    parts = relative.split("/")
    return [f"{mounted}/{'/'.join(parts[:length])}" for length in range(len(parts), 0, -1)] + [mounted]


def _first_directory(*paths: str) -> str | None:
    return next((path for path in paths if os.path.isdir(path)), None)
