"""How long the next run will take: what the runs since the last change of level took.

Prediction intervals are conformal: where the next run is as the ones before it, its rank among them is any with equal
chance, so that two order statistics enclose it as often as is asked for, whatever the law (Vovk, Gammerman and Shafer,
Algorithmic Learning in a Random World, 2005, chapter 2). What breaks "as the ones before it" in a pipeline's history
are changes of level: what lies before the last one is left out. `benchmarks/forecasts.py` says how often it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from makespan_analytics.change_points import detect
from makespan_analytics.change_points.robustness import median
from makespan_model.records import PipelineRun, Result

COVERAGE = 0.8
"""Usual part of runs within the interval; at 90 % it is half as wide again."""
_MOST_USED = 200
"""Of the current level: older runs of a long level are less like the next one."""
_MOST_LOOKED_AT = 300
"""Runs that are looked at for changes of level: one before that hardly matters to the newest 200."""


@dataclass(frozen=True, slots=True)
class NextDuration:
    """The forecast of one more value.

    Attributes:
        expected_s: Median.
        low_s: Lower end of the interval, `high_s` its upper end.
        coverage: How often the interval is to hold.
        runs: Runs it is told from, the newest.
        level_runs: Runs since the last change of level. Where these are fewer than `runs`, older ones had to be taken
            to give an interval at all, and it is wide.
    """

    expected_s: float
    low_s: float
    high_s: float
    coverage: float
    runs: int
    level_runs: int


def next_run(runs: Sequence[PipelineRun], *, coverage: float = COVERAGE) -> NextDuration | None:
    """The makespan of the next run that succeeds; `runs` of one pipeline (and best of one branch), oldest first."""
    ended = [run for run in runs if run.result is Result.SUCCESS and run.state is None]
    return next_duration([run.makespan_s for run in ended], coverage=coverage)


def next_run_in(runs: pa.Table, *, coverage: float = COVERAGE) -> NextDuration | None:
    """The same of `RUN_SERIES` of one pipeline."""
    succeeded = runs.filter((pc.field("result") == Result.SUCCESS) & pc.field("state").is_null())
    return next_duration(succeeded["duration_s"].to_pylist(), coverage=coverage)


def fewest_runs(coverage: float) -> int:
    """Runs under which no interval covers that often: the next one lies beyond all of n with chance 2 / (n + 1)."""
    return ceil(round(2.0 / (1.0 - coverage), 9)) - 1


def next_duration(durations_s: Sequence[float], *, coverage: float = COVERAGE) -> NextDuration | None:
    """Forecast the value after a series.

    Args:
        durations_s: Of successful runs, oldest first.
        coverage: How often the interval is to hold, in (0, 1).

    Returns:
        None for fewer than `fewest_runs(coverage)` runs.

    Raises:
        ValueError: A coverage outside of (0, 1), or a duration that is no finite number.
    """
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"a coverage lies between 0 and 1, not {coverage}")
    if not all(isfinite(value) for value in durations_s):
        raise ValueError("durations are finite numbers")
    needed = fewest_runs(coverage)
    if len(durations_s) < needed:
        return None
    values = np.array(durations_s[-_MOST_LOOKED_AT:], dtype=np.float64)
    changes = detect(values)
    level = values[changes[-1].index :] if changes else values
    used = level[-_MOST_USED:] if len(level) >= needed else values[-needed:]
    ordered, tail = np.sort(used), (1.0 - coverage) / 2.0
    # Products such as 0.1 * 20 may lie a hair beside the whole number they are.
    low = floor(round(tail * (len(ordered) + 1), 9))
    high = ceil(round((1.0 - tail) * (len(ordered) + 1), 9))
    return NextDuration(
        # The level's own median, however few runs it has: older ones only widen the interval.
        expected_s=median(level[-_MOST_USED:]),
        low_s=float(ordered[low - 1]),
        high_s=float(ordered[high - 1]),
        coverage=coverage,
        runs=len(ordered),
        level_runs=len(level),
    )
