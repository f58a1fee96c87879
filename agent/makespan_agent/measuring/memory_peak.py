"""The highest memory use of a step that has a container to itself."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from makespan_agent.measuring.cgroups import ControlGroups

_MAX_LOOKED_AT = 64
"""A group with more processes than this at a step's start is no step's own."""


class GroupPeak:
    """The kernel's own record of the memory peak, where the step has a cgroup to itself.

    That is so in a container that was made for the step: nobody is in it but this agent, what started
    it, and what it started. Page cache counts, as it does against the container's limit.

    Args:
        groups: The groups around this process.
    """

    def __init__(self, groups: ControlGroups) -> None:
        self._descriptor = -1
        self._before_bytes: int | None = None
        place, name = _peak_file(groups)
        if place is None or not _is_own(place):
            return
        try:
            # Linux 6.12: a write starts the record anew for this descriptor, and for nobody else.
            self._descriptor = os.open(f"{place}/{name}", os.O_RDWR | os.O_CLOEXEC)
            if name == "memory.peak":
                os.write(self._descriptor, b"reset\n")
                return
        except OSError:
            pass
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(f"{place}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return
        self._before_bytes = self._read()

    def since_start(self) -> int | None:
        """The peak in bytes; None where nobody keeps one, or where the record is of a time before."""
        peak_bytes = self._read()
        if peak_bytes is None or (self._before_bytes is not None and peak_bytes <= self._before_bytes):
            return None
        return peak_bytes

    def _read(self) -> int | None:
        try:
            return int(os.pread(self._descriptor, 64, 0)) if self._descriptor >= 0 else None
        except (OSError, ValueError):
            return None


def _peak_file(groups: ControlGroups) -> tuple[str | None, str]:
    """The innermost group that keeps a record, and the record's name; a machine's root group keeps none."""
    if groups.unified and os.path.exists(f"{groups.unified[0]}/memory.peak"):
        return groups.unified[0], "memory.peak"
    # The root group of version 1 keeps one, but of the whole machine.
    if len(groups.memory_v1) > 1 or (groups.memory_v1 and _pid_in(groups.memory_v1[0], 1)):
        return groups.memory_v1[0], "memory.max_usage_in_bytes"
    return None, ""


def _is_own(place: str) -> bool:
    """Whether a group holds nobody but this process, its ancestors and its descendants, in no group below it."""
    try:
        with os.scandir(place) as entries:
            if any(entry.is_dir(follow_symlinks=False) for entry in entries):
                return False
        with open(f"{place}/cgroup.procs", "rb") as file:
            pids = {int(line) for line in file.read(_MAX_LOOKED_AT * 16).split()}
    except (OSError, ValueError):
        return False
    own = os.getpid()
    if len(pids) > _MAX_LOOKED_AT or own not in pids:
        return False
    parents = {pid: _parent(pid) for pid in pids}
    return all(_leads_to(pid, own, parents) or _leads_to(own, pid, parents) for pid in pids)


def _leads_to(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    for _ in range(_MAX_LOOKED_AT):
        if pid == ancestor:
            return True
        parent = parents.get(pid)
        if parent is None:
            return False
        pid = parent
    return False


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read(1024).rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0  # It has ended since: whose it was is not known, so it counts as a stranger.


def _pid_in(place: str, pid: int) -> bool:
    try:
        with open(f"{place}/cgroup.procs", "rb") as file:
            return str(pid).encode() in file.read(65_536).split()
    except OSError:
        return False
