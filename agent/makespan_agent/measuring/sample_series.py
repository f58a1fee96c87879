"""A step's resource curve: dense at first, bounded in length however long the step runs."""

from __future__ import annotations

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from makespan_agent.measuring.host_reading import HostReading

MAX_SAMPLES = 240
"""Readings kept of one step: two points a pixel column of a small chart, 40 kB of JSON at most."""

_FIRST_INTERVAL_S = 0.05
_GROWTH = 1.1
_LONGEST_INTERVAL_S = 1.0
_MAX_CPU_RATIO = 0.004
"""Share of one core that readings may use: one of 4 ms is followed by a second of rest. Waking up costs a
little more, which stays below 0.5 % together."""


_RATES = (1, 4, 5, 6, 10, 11)
"""Places of a sample that are averages over the time before it."""
_AVAILABLE = 7
"""The one level whose low matters: how little memory the machine had left."""


class SampleSeries:
    """Readings of cumulative counters, turned into rates and thinned with age.

    A sample is a tuple with the fields of `makespan_model.records.Sample` in their order; None stands for
    what could not be read. Rates are over the time since the sample before.
    """

    def __init__(self, start_ns: int) -> None:
        self.samples: list[tuple[float | None, ...]] = []
        self.memory_peak_bytes: int | None = None
        self._start_ns = start_ns
        self._last_ns = start_ns
        self._cpu_s = 0.0
        self._read_bytes: int | None = 0
        self._write_bytes: int | None = 0
        self._host: HostReading | None = None
        self._interval_s = _FIRST_INTERVAL_S
        self._longest_s = _LONGEST_INTERVAL_S
        self._last_cost_s: float | None = None

    def add(
        self,
        time_ns: int,
        *,
        cpu_s: float,
        memory_bytes: int,
        processes: int,
        read_bytes: int | None,
        write_bytes: int | None,
        host: HostReading | None = None,
    ) -> None:
        """Take one reading: the tree's counters since its start, the machine's since its boot."""
        elapsed_s = (time_ns - self._last_ns) / 1e9
        if elapsed_s <= 0:
            return
        # A counter falls when a process's share vanished with it (nobody waited for it): no work was undone.
        cores = max(0.0, cpu_s - self._cpu_s) / elapsed_s
        tree = (
            time_ns,
            cores,
            memory_bytes,
            processes,
            _rate(self._read_bytes, read_bytes, elapsed_s),
            _rate(self._write_bytes, write_bytes, elapsed_s),
        )
        self.samples.append(tree + _host_values(self._host, host, elapsed_s))
        self.memory_peak_bytes = max(self.memory_peak_bytes or 0, memory_bytes)
        self._last_ns, self._cpu_s = time_ns, cpu_s
        self._read_bytes, self._write_bytes = read_bytes, write_bytes
        self._host = host
        if len(self.samples) >= MAX_SAMPLES:
            self._halve()

    def next_interval_s(self, reading_cost_s: float) -> float:
        """Seconds until the next reading, given the CPU seconds the last one took.

        One dear reading between cheap ones (a cold cache, a busy neighbour) must not leave a second unseen:
        the cheaper of the last two counts.
        """
        interval_s = min(self._interval_s, self._longest_s)
        self._interval_s = interval_s * _GROWTH
        usual_cost_s = reading_cost_s if self._last_cost_s is None else min(reading_cost_s, self._last_cost_s)
        self._last_cost_s = reading_cost_s
        return max(interval_s, usual_cost_s / _MAX_CPU_RATIO)

    def _halve(self) -> None:
        merged = []
        before_ns: float = self._start_ns
        for first, second in zip(self.samples[::2], self.samples[1::2], strict=True):
            merged.append(_merge(first, second, before_ns))
            before_ns = second[0] or 0
        self.samples = merged
        self._longest_s *= 2
        self._interval_s = self._longest_s


def _rate(before: float | None, after: float | None, elapsed_s: float) -> float | None:
    return None if before is None or after is None else max(0, after - before) / elapsed_s


def _host_values(before: HostReading | None, after: HostReading | None, elapsed_s: float) -> tuple[float | None, ...]:
    if after is None:
        return (None,) * 6
    return (
        _rate(before.busy_s if before else None, after.busy_s, elapsed_s),
        after.memory_available_bytes,
        after.load,
        after.disk_used_bytes,
        _rate(before.disk_read_bytes if before else None, after.disk_read_bytes, elapsed_s),
        _rate(before.disk_write_bytes if before else None, after.disk_write_bytes, elapsed_s),
    )


def _merge(
    first: tuple[float | None, ...], second: tuple[float | None, ...], before_ns: float
) -> tuple[float | None, ...]:
    """One sample for two: rates weighted by their time, levels by their worst so that peaks survive."""
    first_ns, second_ns = first[0] or 0, second[0] or 0
    weight = (first_ns - before_ns) / (second_ns - before_ns)
    values: list[float | None] = [second_ns]
    for place, (a, b) in enumerate(zip(first[1:], second[1:], strict=True), start=1):
        if a is None or b is None:
            values.append(None if place in _RATES or a is b is None else a if b is None else b)
        elif place in _RATES:
            values.append(a * weight + b * (1 - weight))
        else:
            values.append(min(a, b) if place == _AVAILABLE else max(a, b))
    return tuple(values)
