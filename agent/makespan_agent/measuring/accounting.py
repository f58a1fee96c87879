"""Exact totals that the kernel keeps for a parent: no sampling is involved."""

from __future__ import annotations

_PR_SET_CHILD_SUBREAPER = 36
"""linux/prctl.h."""


def adopt_orphans() -> bool:
    """Make this process the parent of descendants whose own parent ends, so that their CPU time is seen.

    Called before the command starts, for it may orphan a process within its first millisecond. So the
    C half of ctypes makes the call: 0.4 ms, where importing ctypes takes 2 ms.

    Returns:
        Whether the kernel agreed.
    """
    try:
        import _ctypes

        prctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]
        return bool(_ctypes.call_function(prctl, (_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0)
    except (ImportError, AttributeError, OSError):
        return False


def resident_peak_bytes() -> int | None:
    """This process's own highest resident size so far (VmHWM); None without /proc.

    The kernel carries it over into a new child: `ru_maxrss` of a command is never below it.
    """
    try:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def highest_peak(
    *,
    group_bytes: int | None = None,
    largest_process_bytes: int | None = None,
    proportional_bytes: int | None = None,
    resident_bytes: int | None = None,
) -> tuple[int, str] | None:
    """The peak and where it comes from (a value of `makespan_model.records.MemoryPeakSource`).

    Args:
        group_bytes: Of the step's own cgroup: final where it is known.
        largest_process_bytes: Exact, and of one process alone: the peak is at least this.
        proportional_bytes: The highest sampled sum in which shared pages count once.
        resident_bytes: The same with shared pages counted in each process: used where the former is unknown.
    """
    if group_bytes is not None:
        return group_bytes, "cgroup"
    sampled = (resident_bytes, "rss") if proportional_bytes is None else (proportional_bytes, "pss")
    known = [(size, source) for size, source in (sampled, (largest_process_bytes, "rusage")) if size is not None]
    return max(known, default=None)


class ReapedIo:
    """Bytes read from and written to storage by the children this process has waited for.

    /proc/self/io adds up the process's own threads and every reaped child with its descendants (kernel:
    `task_io_accounting_add` in `wait_task_zombie`); /proc/thread-self/io holds this thread alone.
    """

    def __init__(self) -> None:
        self._start = _children_io()

    def so_far(self) -> tuple[int, int] | None:
        """Read and written bytes since this object was made; None without /proc."""
        now = _children_io()
        if now is None or self._start is None:
            return None
        return max(0, now[0] - self._start[0]), max(0, now[1] - self._start[1])


def _children_io() -> tuple[int, int] | None:
    everything, own = _read_io("/proc/self/io"), _read_io("/proc/thread-self/io")
    if everything is None or own is None:
        return None
    return everything[0] - own[0], everything[1] - own[1]


def _read_io(path: str) -> tuple[int, int] | None:
    try:
        with open(path, "rb") as file:
            counters = dict(line.split(b": ") for line in file.read().splitlines())
        return int(counters[b"read_bytes"]), int(counters[b"write_bytes"])
    except (OSError, ValueError, KeyError):
        return None


def has_children(pid: int) -> bool:
    """Whether the process's main thread has living children; False when the kernel does not say."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return bool(file.read(1))
    except OSError:
        return False
