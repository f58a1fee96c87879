"""What a running command uses: exact totals from the kernel, a sampled curve from /proc."""

from __future__ import annotations

import os
import time

from makespan_agent.measuring.accounting import ReapedIo, has_children, highest_peak, resident_peak_bytes
from makespan_agent.measuring.sample_series import SampleSeries
from makespan_agent.signals import Ending, SignalRelay

TYPE_CHECKING = False  # Importing typing for it would take 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable

    from makespan_agent.measuring.cgroup_counters import CgroupCounters
    from makespan_agent.measuring.host_reading import Host
    from makespan_agent.measuring.memory_peak import GroupPeak
    from makespan_agent.measuring.process_files import TreeReading
    from makespan_agent.measuring.process_tree import ProcessTree
    from makespan_agent.measuring.psutil_tree import PsutilTree

_CONTAINER_AFTER_S = 0.005
"""Commands shorter than this never pay for looking at the container (1 ms): it can hardly have held them back."""
_FIRST_READING_S = 0.05
"""Commands shorter than this never pay for loading what takes the readings."""
_NEVER_S = 86_400.0


class Measurement:
    """Follows one command from just after its start; no failure in here reaches the command.

    Args:
        relay: Knows the CPU time of the orphans reaped so far.
        now_ns: Unix time that never runs backwards.
        start_ns: When the command started.
    """

    def __init__(self, relay: SignalRelay, now_ns: Callable[[], int], start_ns: int) -> None:
        self._floor_bytes = resident_peak_bytes()
        self._relay = relay
        self._now_ns = now_ns
        self._io = ReapedIo()
        self._counters: CgroupCounters | None = None
        self._group_peak: GroupPeak | None = None
        self._series = SampleSeries(start_ns)
        self._calls = 0
        self._proportional_peak_bytes: int | None = None
        self._last: TreeReading | None = None
        self._tree: ProcessTree | PsutilTree | None = None
        self._host: Host | None = None

    def take_reading(self) -> float:
        """Read what is due, the tree from the third call on, and say in how many seconds to read next."""
        self._calls += 1
        if self._calls == 1:
            return _CONTAINER_AFTER_S
        try:
            if self._calls == 2:
                self._look_at_the_container()
                return _FIRST_READING_S - _CONTAINER_AFTER_S
            return self._read_into_series()
        except Exception:  # noqa: BLE001 - whatever is met in /proc, the command goes on unsampled
            return _NEVER_S

    def look_at_the_dead(self, pid: int) -> None:
        """A child has ended and is about to be reaped: its last figures are still there."""
        if self._tree is not None:
            try:  # noqa: SIM105 - contextlib takes 2 ms to import
                self._tree.look_at_the_dead(pid)
            except Exception:  # noqa: BLE001, S110 - the breakdown misses its last moments, nothing else
                pass

    def usage(self, ending: Ending) -> dict[str, object]:
        """Totals of the whole tree, by the names of `makespan_model.records.Usage`; unmeasured ones left out."""
        rusage = ending.rusage
        if rusage is None:
            return {}
        user_s = rusage.ru_utime + ending.orphans_cpu_s[0]
        system_s = rusage.ru_stime + ending.orphans_cpu_s[1]
        io = self._io.so_far()
        peak = highest_peak(
            group_bytes=self._group_peak.since_start() if self._group_peak else None,
            largest_process_bytes=self._above_the_floor(rusage.ru_maxrss * 1024),
            proportional_bytes=self._proportional_peak_bytes,
            resident_bytes=self._series.memory_peak_bytes,
        )
        left = self._left_running()
        if left is not None:
            user_s += left.cpu_user_s
            system_s += left.cpu_system_s
            if io is not None and left.read_bytes is not None and left.write_bytes is not None:
                io = (io[0] + left.read_bytes, io[1] + left.write_bytes)
        found: dict[str, object] = {"cpu_user_s": user_s, "cpu_system_s": system_s}
        if peak is not None:
            found["memory_peak_bytes"], found["memory_peak_source"] = peak
        if io is not None:
            found["io_read_bytes"], found["io_write_bytes"] = io
        found |= ending.fault_counts() | self._surroundings()
        if self._tree is not None:
            found["executables"] = self._tree.shares.breakdown(user_s + system_s)
        return found

    def usage_so_far(self) -> dict[str, object]:
        """What the last reading tells of the totals, by the same names: for a step that may have no end."""
        found: dict[str, object] = {}
        if self._last is not None:
            user_s, system_s = self._relay.orphans_user_and_system_s
            found["cpu_user_s"] = self._last.cpu_user_s + user_s
            found["cpu_system_s"] = self._last.cpu_system_s + system_s
        peak = highest_peak(
            proportional_bytes=self._proportional_peak_bytes, resident_bytes=self._series.memory_peak_bytes
        )
        if peak is not None:
            found["memory_peak_bytes"], found["memory_peak_source"] = peak
        return found | self._surroundings()

    @property
    def samples(self) -> list[tuple[float | None, ...]]:
        """The curve, as `SampleSeries.samples`."""
        return self._series.samples

    def _read_into_series(self) -> float:
        cpu_before_s = time.process_time()
        if self._host is None:
            self._host = self._open_host()
        reading = self._process_tree().read()
        self._last = reading
        if reading.proportional_bytes is not None:
            self._proportional_peak_bytes = max(self._proportional_peak_bytes or 0, reading.proportional_bytes)
        io = self._io.so_far()
        if reading.processes:
            self._series.add(
                self._now_ns(),
                cpu_s=reading.cpu_user_s + reading.cpu_system_s + self._relay.orphans_cpu_s,
                memory_bytes=reading.memory_bytes,
                processes=reading.processes,
                read_bytes=None if io is None or reading.read_bytes is None else reading.read_bytes + io[0],
                write_bytes=None if io is None or reading.write_bytes is None else reading.write_bytes + io[1],
                host=self._host.read(),
            )
        # The first reading opens every file and judges every process of the machine; no later one does.
        cost_s = time.process_time() - cpu_before_s if self._calls > 3 else 0.0
        return self._series.next_interval_s(cost_s)

    def _look_at_the_container(self) -> None:
        try:
            from makespan_agent.measuring.cgroup_counters import CgroupCounters
            from makespan_agent.measuring.cgroups import ControlGroups
            from makespan_agent.measuring.memory_peak import GroupPeak

            groups = ControlGroups()
            self._counters = CgroupCounters(groups)
            self._group_peak = GroupPeak(groups)
        except Exception:  # noqa: BLE001, S110 - whatever a container shows of its groups, the tree is still read
            pass

    def _above_the_floor(self, largest_bytes: int) -> int | None:
        """A new process's `ru_maxrss` starts at its parent's: what is no higher says nothing of the command."""
        return largest_bytes if self._floor_bytes is None or largest_bytes > self._floor_bytes else None

    def _surroundings(self) -> dict[str, object]:
        """What the machine and the container offered, and how they held the step back."""
        found = self._counters.since_start() if self._counters else {}
        if hasattr(os, "sched_getaffinity"):
            found["host_cpus"] = len(os.sched_getaffinity(0))
        try:  # noqa: SIM105
            found["host_memory_bytes"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError):
            pass  # A system that does not say.
        return found

    def _left_running(self) -> TreeReading | None:
        """What daemons that outlive the command have used until now."""
        if not has_children(os.getpid()):
            return None
        try:
            return self._process_tree().read()
        except Exception:  # noqa: BLE001 - the totals stand without it
            return None

    def _open_host(self) -> Host:
        from makespan_agent.measuring.host_reading import Host

        return Host()

    def _process_tree(self) -> ProcessTree | PsutilTree:
        if self._tree is None:
            if os.path.exists("/proc/self/stat"):
                from makespan_agent.measuring.process_tree import ProcessTree

                self._tree = ProcessTree(os.getpid())
                if self._relay.tracer_pid is not None:
                    self._tree.leave_out(self._relay.tracer_pid)
            else:
                from makespan_agent.measuring.psutil_tree import PsutilTree

                self._tree = PsutilTree(os.getpid())
        return self._tree
