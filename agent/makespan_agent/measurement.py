"""What a running command uses: exact totals from the kernel, a sampled curve from psutil."""

from __future__ import annotations

import os
import time

from makespan_agent.accounting import ReapedIo, has_children, resident_peak_bytes
from makespan_agent.sample_series import SampleSeries
from makespan_agent.signals import Ending, SignalRelay

TYPE_CHECKING = False  # Importing typing for it would take 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable

    from makespan_agent.process_tree import ProcessTree, TreeReading

_FIRST_READING_S = 0.05
"""Commands shorter than this never pay for importing psutil."""
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
        self._series = SampleSeries(start_ns)
        self._readings = 0
        self._tree: ProcessTree | None = None

    def take_reading(self) -> float:
        """Read the tree once (not at the first call) and say in how many seconds to read it next."""
        self._readings += 1
        if self._readings == 1:
            return _FIRST_READING_S
        try:
            return self._read_into_series()
        except Exception:  # noqa: BLE001 - whatever psutil meets in /proc, the command goes on unsampled
            return _NEVER_S

    def usage(self, ending: Ending) -> dict[str, object]:
        """Totals of the whole tree, by the names of `makespan_model.records.Usage`; unmeasured ones left out."""
        rusage = ending.rusage
        if rusage is None:
            return {}
        user_s = rusage.ru_utime + ending.orphans_cpu_s[0]
        system_s = rusage.ru_stime + ending.orphans_cpu_s[1]
        io = self._io.so_far()
        peaks = [] if self._series.memory_peak_bytes is None else [self._series.memory_peak_bytes]
        largest_bytes = rusage.ru_maxrss * 1024
        if self._floor_bytes is not None and largest_bytes > self._floor_bytes:
            peaks.append(largest_bytes)
        left = self._left_running()
        if left is not None:
            user_s += left.cpu_user_s
            system_s += left.cpu_system_s
            if io is not None and left.read_bytes is not None and left.write_bytes is not None:
                io = (io[0] + left.read_bytes, io[1] + left.write_bytes)
        found: dict[str, object] = {"cpu_user_s": user_s, "cpu_system_s": system_s}
        if peaks:
            found["memory_peak_bytes"] = max(peaks)
        if io is not None:
            found["io_read_bytes"], found["io_write_bytes"] = io
        return found

    @property
    def samples(self) -> list[tuple[int, float, int, int, float | None, float | None]]:
        """The curve, as `SampleSeries.samples`."""
        return self._series.samples

    def _read_into_series(self) -> float:
        cpu_before_s = time.process_time()
        reading = self._process_tree().read()
        io = self._io.so_far()
        if reading.processes:
            self._series.add(
                self._now_ns(),
                cpu_s=reading.cpu_user_s + reading.cpu_system_s + self._relay.orphans_cpu_s,
                memory_bytes=reading.memory_bytes,
                processes=reading.processes,
                read_bytes=None if io is None or reading.read_bytes is None else reading.read_bytes + io[0],
                write_bytes=None if io is None or reading.write_bytes is None else reading.write_bytes + io[1],
            )
        # The first reading's cost is psutil's import, which no later one repeats.
        cost_s = time.process_time() - cpu_before_s if self._readings > 2 else 0.0
        return self._series.next_interval_s(cost_s)

    def _left_running(self) -> TreeReading | None:
        """What daemons that outlive the command have used until now."""
        if not has_children(os.getpid()):
            return None
        try:
            return self._process_tree().read()
        except Exception:  # noqa: BLE001 - the totals stand without it
            return None

    def _process_tree(self) -> ProcessTree:
        if self._tree is None:
            from makespan_agent.process_tree import ProcessTree

            self._tree = ProcessTree(os.getpid())
        return self._tree
