"""The memory size that costs least in expectation, and the risk it leaves.

A size too large wastes memory as long as the step runs; one too small wastes the whole attempt, and the next attempt
gets twice as much. The size is the one with the least expected waste among those whose risk is small enough, the
measure that Witt et al. (Predictive resource management for scientific workflows, HPCS 2019) and Bader et al. (Sizey,
2024) judge by as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan_analytics.sizing.level_changes import Floats
from makespan_analytics.sizing.peak_risk import HORIZON_RUNS, peak_risk

FEWEST_RUNS = 5
"""Under this the largest peak so far is exceeded by one run in five or more: nothing to build a limit on."""
HIGHEST_RISK = 0.02
"""One failed run in fifty: about what flaky tests cost a pipeline anyway (Micco, Flaky Tests at Google, 2016)."""
FAILURE_WEIGHT = 4.0
"""A failed attempt costs this many times its memory and time: it also holds up whoever waits for the run."""
HEADROOM_RATIO = 1.05
"""On top of the size: most peaks are sampled, and what is between two readings is seen by nobody."""
LEAST_RISK, MOST_RISK = 0.001, 0.5
"""What may be asked for: below it no history of a pipeline could tell whether it was kept."""


@dataclass(frozen=True, slots=True)
class MemorySize:
    """An advised size.

    Attributes:
        size_bytes: What to ask for.
        risk: Probability that the next run needs more, and so is killed.
        risk_low, risk_high: Its 90 % interval.
        runs: Runs the advice rests on: those since the last change of level.
        runs_before: Runs left out because they were before that change.
        largest_bytes: The largest peak among those runs.
        usual_bytes: Their median.
        growth_per_run: Bytes a run by which peaks grow; 0 without a sure trend.
        wasted_byte_s: Expected waste of a run at this size: unused memory and failed attempts, times seconds.
    """

    size_bytes: int
    risk: float
    risk_low: float
    risk_high: float
    runs: int
    runs_before: int
    largest_bytes: int
    usual_bytes: int
    growth_per_run: float
    wasted_byte_s: float


def memory_size(peaks: Floats, durations_s: Floats, *, highest_risk: float = HIGHEST_RISK) -> MemorySize | None:
    """The size for the next runs; None when there are fewer than `FEWEST_RUNS`.

    Args:
        peaks: Bytes, oldest run first.
        durations_s: Of the same runs.
        highest_risk: The probability of a failure that is still accepted.

    Raises:
        ValueError: `highest_risk` is not within `LEAST_RISK` and `MOST_RISK`, or a peak is not positive.
    """
    if not LEAST_RISK <= highest_risk <= MOST_RISK:
        raise ValueError(f"the accepted risk must be within {LEAST_RISK} and {MOST_RISK}, not {highest_risk}")
    if len(peaks) < FEWEST_RUNS:
        return None
    known = peak_risk(peaks, np.maximum(durations_s, 1e-3))
    sizes = known.candidates()
    acceptable = sizes[known.exceeding(sizes) <= highest_risk]
    if not len(acceptable):
        acceptable = sizes[-1:]
    next_peaks, probability, seconds = known.next_peaks()
    costs = _wasted(acceptable, next_peaks, probability * seconds, FAILURE_WEIGHT)
    size = float(np.ceil(acceptable[int(np.argmin(costs))] * HEADROOM_RATIO))
    low, high = known.interval(size)
    now = known.peaks - known.growth_per_run * HORIZON_RUNS
    return MemorySize(
        size_bytes=int(size),
        risk=known.at(size),
        risk_low=low,
        risk_high=high,
        runs=known.level_runs,
        runs_before=len(peaks) - known.level_runs,
        largest_bytes=int(peaks[len(peaks) - known.level_runs :].max()),
        usual_bytes=int(np.median(now)),
        growth_per_run=known.growth_per_run,
        wasted_byte_s=float(_wasted(np.array([size]), next_peaks, probability * seconds, 1.0)[0]),
    )


def _wasted(sizes: Floats, peaks: Floats, weights: Floats, failure_weight: float) -> Floats:
    """Expected byte seconds wasted at each size, the allocation doubling after each failure."""
    size, peak = sizes[:, None], peaks[None, :]
    grown = np.exp2(np.ceil(np.log2(np.maximum(peak / size, 1.0))))
    failed = size * (grown - 1)
    unused = size * grown - peak
    wasted: Floats = (failure_weight * failed + unused) @ weights
    return wasted
