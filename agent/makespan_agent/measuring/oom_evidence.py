"""Whether the kernel killed something for want of memory: the counter of the memory cgroup this process is in."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from makespan_agent.measuring.cgroups import ControlGroups

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


def own_oom_counter(groups: ControlGroups) -> OomCounter | None:
    """The counter of the innermost group that keeps one; None where the kernel keeps none (a host's root cgroup).

    Args:
        groups: Those around this process.
    """
    places = [f"{place}/memory.oom_control" for place in groups.memory_v1[:1]]
    places += [f"{place}/memory.events" for place in groups.unified[:1]]
    for path in places:
        try:
            counter = OomCounter(path, os.stat(path).st_ino)
        except OSError:
            continue
        if counter.read() is not None:
            return counter
    return None
