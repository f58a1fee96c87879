"""What a step waits for: the CPU, the disk, memory, or something nobody measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from makespan_model.records import Sample

BUSY_RATIO = 0.7
"""Of the cores a step can use: from here on their number is what holds it back. What is left of a core under a fully
loaded `make -j` is start-up, linking and the last file."""
ONE_CORE = (0.7, 1.3)
"""Cores used by a step that has one thread of work, with its start and end, and with helpers beside it."""
IDLE_CORES = 0.1
"""Under a tenth of a core a step does next to nothing but wait."""
IO_PRESSURE_RATIO = 0.25
"""Part of the time in which some task waited for the disk (PSI `some`): a quarter of it could be won at most."""
IO_BYTES_PER_S = 20 * 1024 * 1024
"""Where no pressure was recorded: moved on average over the whole step while no core was busy. A step that computes
from what it reads at that rate would have one busy."""
MEMORY_PRESSURE_RATIO = 0.1
"""Part of the time in which some task waited for memory: it is spent on reclaiming and re-reading pages."""
MEMORY_RATIO = 0.95
"""Of the memory a step can use: the rest is less than one page cache needs to be of use."""


class ResourceClass(StrEnum):
    """What more of would shorten a step."""

    CPU = "CPU-bound"
    """More cores: it keeps most of those it has busy."""
    ONE_CORE = "CPU-bound on one core"
    """Faster cores, or work in parallel: it keeps one of several busy."""
    IO = "I/O-bound"
    """A faster disk, or less to read and write. The network is not recorded, and counts as waiting."""
    MEMORY = "memory-bound"
    """More memory: it waited for it, came to its end, or lost processes for the lack of it."""
    WAITING = "waiting"
    """None of what is measured: it waits for the network, a service, a lock or a clock."""
    MIXED = "mixed"
    """No single one."""


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """What a step uses of what it is offered; medians over its successful runs, None where never measured.

    Attributes:
        cores: CPU seconds over seconds.
        parallel_efficiency: Cores used over cores offered.
        memory_ratio: Peak over the memory offered.
        io_bytes_per_s: Read and written.
        cpu_pressure_ratio: Part of the time in which some task waited for the CPU; the same for I/O and memory.
        oom_runs: Runs in which a process was killed for lack of memory, failed ones too.
    """

    cores: float | None
    parallel_efficiency: float | None
    memory_ratio: float | None
    io_bytes_per_s: float | None
    cpu_pressure_ratio: float | None
    io_pressure_ratio: float | None
    memory_pressure_ratio: float | None
    oom_runs: int

    @property
    def kind(self) -> ResourceClass | None:
        """What more of would shorten the step; None where its CPU was not measured."""
        return resource_class(self)


def resource_class(use: ResourceUse) -> ResourceClass | None:
    """The class of a step; None where its CPU was not measured.

    The order matters: a step that waits for memory waits for the disk as well, and one that waits for the disk has its
    cores idle.
    """
    if use.cores is None:
        return None
    if use.oom_runs or _reaches(use.memory_pressure_ratio, MEMORY_PRESSURE_RATIO) or _is_full(use):
        return ResourceClass.MEMORY
    if _reaches(use.parallel_efficiency, BUSY_RATIO):
        return ResourceClass.CPU
    if _reaches(use.io_pressure_ratio, IO_PRESSURE_RATIO):
        return ResourceClass.IO
    if use.io_pressure_ratio is None and use.cores < ONE_CORE[0] and _reaches(use.io_bytes_per_s, IO_BYTES_PER_S):
        return ResourceClass.IO
    if ONE_CORE[0] <= use.cores <= ONE_CORE[1]:
        return ResourceClass.ONE_CORE
    return ResourceClass.WAITING if use.cores < IDLE_CORES else ResourceClass.MIXED


def _is_full(use: ResourceUse) -> bool:
    # A peak may be page cache, which gives way: without a sign of pressure it says little, where pressure is recorded.
    return use.memory_pressure_ratio is None and _reaches(use.memory_ratio, MEMORY_RATIO)


def _reaches(value: float | None, threshold: float) -> bool:
    return value is not None and value >= threshold


@dataclass(frozen=True, slots=True)
class TimeShape:
    """How one run of a step spends its time, from its samples; the parts add up to 1.

    Attributes:
        idle_ratio: Under a tenth of a core.
        one_core_ratio: Up to 1.3 cores.
        parallel_ratio: More.
        memory_growth_ratio: The last reading of memory over the highest: near 1 for what grows to the end.
        samples: Readings it is told from.
    """

    idle_ratio: float
    one_core_ratio: float
    parallel_ratio: float
    memory_growth_ratio: float
    samples: int


FEWEST_SAMPLES = 5


def time_shape(start_ns: int, samples: Sequence[Sample]) -> TimeShape | None:
    """The shape of a run; None for fewer than `FEWEST_SAMPLES` readings.

    Args:
        start_ns: Of the step: the first reading's rate is over the time since then.
        samples: In order of time.
    """
    inside = [sample for sample in samples if sample.time_ns > start_ns]
    if len(inside) < FEWEST_SAMPLES:
        return None
    seconds = np.diff(np.array([start_ns, *(sample.time_ns for sample in inside)], dtype=np.int64)) / 1e9
    cores = np.array([sample.cpu_cores for sample in inside])
    total = float(seconds.sum())
    idle = float(seconds[cores < IDLE_CORES].sum()) / total
    parallel = float(seconds[cores > ONE_CORE[1]].sum()) / total
    highest = max(sample.memory_bytes for sample in inside)
    growth = inside[-1].memory_bytes / highest if highest else 0.0
    return TimeShape(idle, max(0.0, 1.0 - idle - parallel), parallel, growth, len(inside))
