"""Whether the kernel killed something for want of memory: the counter of the memory cgroup this process is in."""

from __future__ import annotations

import os

_COUNTER = b"oom_kill "


class OomCounter:
    """The `oom_kill` count of one cgroup.

    Attributes:
        path: `memory.events` (cgroup v2) or `memory.oom_control` (v1).
        inode: Of that file; in another container the same path is another cgroup.
    """

    __slots__ = ("inode", "path")

    def __init__(self, path: str, inode: int) -> None:
        self.path = path
        self.inode = inode

    def read(self) -> int | None:
        """Kills so far; None when the cgroup is gone or is not the one that was meant."""
        try:
            with open(self.path, "rb") as file:
                if os.fstat(file.fileno()).st_ino != self.inode:
                    return None
                for line in file:
                    if line.startswith(_COUNTER):
                        return int(line[len(_COUNTER) :])
        except (OSError, ValueError):
            pass
        return None


def own_oom_counter(proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> OomCounter | None:
    """The counter of the cgroup this process is in; None where the kernel keeps none (a host's root cgroup).

    Args:
        proc: Where procfs is mounted.
        cgroups: Where the cgroup file systems are mounted.
    """
    for path in _candidates(proc, cgroups):
        try:
            counter = OomCounter(path, os.stat(path).st_ino)
        except OSError:
            continue
        if counter.read() is not None:
            return counter
    return None


def _candidates(proc: str, cgroups: str) -> list[str]:
    """In a container the path is that of the host, and the container's own cgroup is mounted at the root."""
    found = []
    try:
        with open(f"{proc}/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            for line in file.read().splitlines():
                _, controllers, path = line.split(":", 2)
                if "memory" in controllers.split(","):
                    found += [f"{cgroups}/memory{path}/memory.oom_control", f"{cgroups}/memory/memory.oom_control"]
                elif not controllers:
                    found += [f"{cgroups}{path}/memory.events", f"{cgroups}/memory.events"]
    except (OSError, ValueError):
        pass
    return found
