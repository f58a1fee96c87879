"""Which executables inside a step used its CPU time and memory."""

from __future__ import annotations

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from makespan_agent.measuring.process_files import ProcessFigures

OTHER = "other"
UNSAMPLED = "unsampled"
_MAX_NAMES = 1000
"""Names told apart while the step runs: a tree that names its processes at random must not fill the memory."""
_BY_CPU, _BY_MEMORY = 16, 4
"""How many of the largest are kept at the end, each by its own measure: 20 rows fit a screen and 2 kB."""


class _Share:
    __slots__ = ("cpu_s", "memory_peak_bytes", "now_bytes", "processes")

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.memory_peak_bytes = 0
        self.now_bytes = 0
        self.processes = 0


class ExecutableShares:
    """Adds up readings of single processes by their names.

    A process that changes its name (exec) leaves with the old one what it had used until then.
    """

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}

    def begin_reading(self) -> None:
        """What `add` says from now on holds at one instant."""
        for share in self._shares.values():
            share.now_bytes = 0

    def add(self, process: ProcessFigures) -> None:
        """Take a process's figures; those of an earlier call are in already."""
        name = process.name
        share = self._shares.get(name)
        if share is None:
            name = name if len(self._shares) < _MAX_NAMES else OTHER
            share = self._shares.setdefault(name, _Share())
        if process.counted_as != process.name:
            process.counted_as = process.name
            share.processes += 1
        cpu_s = process.user_s + process.system_s
        share.cpu_s += max(0.0, cpu_s - process.attributed_s)
        process.attributed_s = cpu_s
        share.now_bytes += process.resident_bytes
        share.memory_peak_bytes = max(share.memory_peak_bytes, share.now_bytes)

    def breakdown(self, total_cpu_s: float) -> list[tuple[str, float, int | None, int | None]]:
        """Name, CPU seconds, memory peak in bytes and number of processes, largest CPU first.

        The CPU seconds add up to the total: `unsampled` is what processes used that ended before they were
        seen, or after they were seen for the last time.

        Args:
            total_cpu_s: The step's exact total.
        """
        by_cpu = sorted(self._shares, key=lambda name: self._shares[name].cpu_s, reverse=True)
        by_memory = sorted(self._shares, key=lambda name: self._shares[name].memory_peak_bytes, reverse=True)
        kept = {*by_cpu[:_BY_CPU], *by_memory[:_BY_MEMORY]} - {OTHER}
        rest = [self._shares[name] for name in by_cpu if name not in kept]
        rows: list[tuple[str, float, int | None, int | None]] = [
            (name, share.cpu_s, share.memory_peak_bytes, share.processes)
            for name in by_cpu
            if name in kept and (share := self._shares[name])
        ]
        if rest:
            # They need not have peaked together: the largest alone is certain.
            peak_bytes = max(share.memory_peak_bytes for share in rest)
            rows.append((OTHER, sum(share.cpu_s for share in rest), peak_bytes, sum(share.processes for share in rest)))
        return _adding_up(rows, total_cpu_s)


def _adding_up(
    rows: list[tuple[str, float, int | None, int | None]], total_cpu_s: float
) -> list[tuple[str, float, int | None, int | None]]:
    seen_s = sum(row[1] for row in rows)
    if seen_s > total_cpu_s:
        # Each process is counted in ticks of 10 ms, the total in microseconds.
        return [(name, cpu_s * total_cpu_s / seen_s, memory, count) for name, cpu_s, memory, count in rows]
    if total_cpu_s > seen_s:
        rows.append((UNSAMPLED, total_cpu_s - seen_s, None, None))
    return rows
