"""Which hosted runner class a job should ask for: the cheapest that is fast enough and does not kill it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from makespan_analytics.cost.price_tables import PriceTable, RunnerClass
from makespan_analytics.sizing.cpu_demand import Demand, slowdown_ratios
from makespan_analytics.sizing.level_changes import Floats
from makespan_analytics.sizing.memory_size import FEWEST_RUNS, HIGHEST_RISK
from makespan_analytics.sizing.peak_risk import peak_risk

MOST_SLOWDOWN_RATIO = 0.10
"""A choice, not a measurement: a smaller runner may take up to a tenth longer."""
SYSTEM_MEMORY_BYTES = 1024**3
"""Set aside for the runner's own programs, its container engine and the kernel: an allowance, not a measurement."""


@dataclass(frozen=True, slots=True)
class ClassFit:
    """How a job would do on a runner class.

    Attributes:
        slowdown_ratio: How much longer it takes than with as many cores as it can use; 0 where it never uses more.
        oom_risk: Probability that the next run needs more memory than the class has; None with too few runs.
        usd_per_run: List price of a median run, longer by the slowdown and rounded as billed.
        fits: Whether both are small enough, and the longest run is within the class's time limit.
    """

    runner: RunnerClass
    slowdown_ratio: float
    oom_risk: float | None
    usd_per_run: float
    fits: bool


@dataclass(frozen=True, slots=True)
class RunnerChoice:
    """Every class of one operating system and architecture, smallest first, and the one advised.

    Attributes:
        advised: The cheapest that fits; None where none does.
        is_lower_bound: The job used all cores it was offered, so it may be faster on more of them than is said here.
        source: The price table, with its date.
    """

    fits: tuple[ClassFit, ...]
    advised: ClassFit | None
    is_lower_bound: bool
    source: str


def choose_runner(
    table: PriceTable,
    *,
    demands: Sequence[Demand],
    peaks: Floats,
    durations_s: Floats,
    is_saturated: bool,
    os: str = "linux",
    arch: str = "x64",
    highest_risk: float = HIGHEST_RISK,
) -> RunnerChoice | None:
    """The runner class for a job; None when no class is of this kind or nothing is known of its CPU.

    Args:
        table: Classes and prices.
        demands: Its CPU over time, run by run.
        peaks: Memory peaks in bytes, run by run.
        durations_s: Of the same runs.
        is_saturated: Whether it came to the end of the cores it had.
        os: As in the table.
        arch: As in the table.
        highest_risk: Of running out of memory.
    """
    classes = sorted(
        (one for one in table.classes if one.os == os and one.arch == arch and not one.has_gpu),
        key=lambda one: (one.cores, one.usd_per_minute),
    )
    if not classes or not demands:
        return None
    lengths_s = [demand.total_s for demand in demands]
    usual_s, longest_s = float(np.median(lengths_s)), max(lengths_s)
    slowdowns = slowdown_ratios(demands, [one.cores for one in classes])
    known = peak_risk(peaks, durations_s) if len(peaks) >= FEWEST_RUNS else None
    risks = [None if known is None else known.at(one.memory_bytes - SYSTEM_MEMORY_BYTES) for one in classes]
    fits = tuple(
        ClassFit(
            runner=one,
            slowdown_ratio=slowdown,
            oom_risk=risk,
            usd_per_run=_billed_s(usual_s * (1 + slowdown), table.rounding_s) / 60 * one.usd_per_minute,
            fits=slowdown <= MOST_SLOWDOWN_RATIO
            and risk is not None
            and risk <= highest_risk
            and (one.most_s is None or longest_s * (1 + slowdown) <= one.most_s),
        )
        for one, slowdown, risk in zip(classes, slowdowns, risks, strict=True)
    )
    fitting = [fit for fit in fits if fit.fits]
    advised = min(fitting, key=lambda fit: (fit.usd_per_run, -fit.runner.cores), default=None)
    return RunnerChoice(fits, advised, is_saturated, f"{table.source} (as of {table.as_of})")


def _billed_s(seconds: float, rounding_s: float) -> float:
    return max(1, ceil(seconds / rounding_s)) * rounding_s if rounding_s else seconds
