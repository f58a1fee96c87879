"""What steps use of what they are offered: each measure over all rows of the table at once, then medians."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from makespan_analytics.profiles.quantiles import Floats
from makespan_analytics.profiles.resource_class import ResourceUse
from makespan_analytics.table_columns import Integers, floats


class UsageColumns:
    """The ratios of every row of `STEP_SERIES`; NaN where something they need was not measured."""

    def __init__(self, steps: pa.Table) -> None:
        seconds = floats(steps, "duration_s")
        seconds = np.where(seconds > 0, seconds, np.nan)
        cores_offered = np.fmin(floats(steps, "cpu_limit_cores"), floats(steps, "host_cpus"))
        memory_offered = np.fmin(floats(steps, "memory_limit_bytes"), floats(steps, "host_memory_bytes"))
        moved = np.stack([floats(steps, "io_read_bytes"), floats(steps, "io_write_bytes")])
        moved_bytes = np.where(np.isnan(moved).all(axis=0), np.nan, np.nansum(moved, axis=0))
        self._cores = floats(steps, "cpu_s") / seconds
        self._efficiency = self._cores / _positive(cores_offered)
        self._memory = floats(steps, "memory_peak_bytes") / _positive(memory_offered)
        self._moved = moved_bytes / seconds
        self._waits = tuple(floats(steps, f"{what}_pressure_s") / seconds for what in ("cpu", "io", "memory"))
        self._is_oom = floats(steps, "oom_kills") > 0

    def use(self, succeeded: Integers, ran: Integers) -> ResourceUse:
        """Medians over rows that succeeded, and kills among all that ran."""
        cpu, io, memory = (_median(wait[succeeded]) for wait in self._waits)
        return ResourceUse(
            cores=_median(self._cores[succeeded]),
            parallel_efficiency=_median(self._efficiency[succeeded]),
            memory_ratio=_median(self._memory[succeeded]),
            io_bytes_per_s=_median(self._moved[succeeded]),
            cpu_pressure_ratio=cpu,
            io_pressure_ratio=io,
            memory_pressure_ratio=memory,
            oom_runs=int(self._is_oom[ran].sum()),
        )


def _positive(values: Floats) -> Floats:
    found: Floats = np.where(values > 0, values, np.nan)
    return found


def _median(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None
