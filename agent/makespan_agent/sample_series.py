"""A step's resource curve: dense at first, bounded in length however long the step runs."""

from __future__ import annotations

MAX_SAMPLES = 240
"""Readings kept of one step: two points a pixel column of a small chart, 15 kB of JSON at most."""

_FIRST_INTERVAL_S = 0.05
_GROWTH = 1.1
_LONGEST_INTERVAL_S = 1.0
_MAX_CPU_RATIO = 0.004
"""Share of one core that readings may use: one of 4 ms is followed by a second of rest. Waking up costs a
little more, which stays below 0.5 % together."""


class SampleSeries:
    """Readings of cumulative counters, turned into rates and thinned with age.

    A sample is a tuple: time_ns, cpu_cores, memory_bytes, processes, io_read_bytes_per_s,
    io_write_bytes_per_s (the last two None where they could not be read). Rates are over the time
    since the sample before.
    """

    def __init__(self, start_ns: int) -> None:
        self.samples: list[tuple[int, float, int, int, float | None, float | None]] = []
        self.memory_peak_bytes: int | None = None
        self._start_ns = start_ns
        self._last_ns = start_ns
        self._cpu_s = 0.0
        self._read_bytes: int | None = 0
        self._write_bytes: int | None = 0
        self._interval_s = _FIRST_INTERVAL_S
        self._longest_s = _LONGEST_INTERVAL_S

    def add(
        self,
        time_ns: int,
        *,
        cpu_s: float,
        memory_bytes: int,
        processes: int,
        read_bytes: int | None,
        write_bytes: int | None,
    ) -> None:
        """Take one reading of the tree's counters since its start."""
        elapsed_s = (time_ns - self._last_ns) / 1e9
        if elapsed_s <= 0:
            return
        # A counter falls when a process's share vanished with it (nobody waited for it): no work was undone.
        cores = max(0.0, cpu_s - self._cpu_s) / elapsed_s
        sample = (
            time_ns,
            cores,
            memory_bytes,
            processes,
            _rate(self._read_bytes, read_bytes, elapsed_s),
            _rate(self._write_bytes, write_bytes, elapsed_s),
        )
        self.samples.append(sample)
        self.memory_peak_bytes = max(self.memory_peak_bytes or 0, memory_bytes)
        self._last_ns, self._cpu_s = time_ns, cpu_s
        self._read_bytes, self._write_bytes = read_bytes, write_bytes
        if len(self.samples) >= MAX_SAMPLES:
            self._halve()

    def next_interval_s(self, reading_cost_s: float) -> float:
        """Seconds until the next reading, given the CPU seconds the last one took."""
        interval_s = min(self._interval_s, self._longest_s)
        self._interval_s = interval_s * _GROWTH
        return max(interval_s, reading_cost_s / _MAX_CPU_RATIO)

    def _halve(self) -> None:
        merged = []
        before_ns = self._start_ns
        for first, second in zip(self.samples[::2], self.samples[1::2], strict=True):
            merged.append(_merge(first, second, before_ns))
            before_ns = second[0]
        self.samples = merged
        self._longest_s *= 2
        self._interval_s = self._longest_s


def _rate(before: int | None, after: int | None, elapsed_s: float) -> float | None:
    return None if before is None or after is None else max(0, after - before) / elapsed_s


def _merge(
    first: tuple[int, float, int, int, float | None, float | None],
    second: tuple[int, float, int, int, float | None, float | None],
    before_ns: int,
) -> tuple[int, float, int, int, float | None, float | None]:
    """One sample for two: rates weighted by their time, levels by their maximum so that peaks survive."""
    weight = (first[0] - before_ns) / (second[0] - before_ns)
    rates = [
        None if a is None or b is None else a * weight + b * (1 - weight)
        for a, b in ((first[1], second[1]), (first[4], second[4]), (first[5], second[5]))
    ]
    return (second[0], rates[0] or 0.0, max(first[2], second[2]), max(first[3], second[3]), rates[1], rates[2])
