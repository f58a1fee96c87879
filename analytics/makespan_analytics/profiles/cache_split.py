"""Times of a job by what one of its cache steps found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan_analytics.profiles.quantiles import Floats
from makespan_analytics.shifts import Shift, shift
from makespan_analytics.table_columns import Integers
from makespan_model.records import CacheOutcome

OUTCOMES = tuple(CacheOutcome)


@dataclass(frozen=True, slots=True)
class OutcomeTime:
    """The job's time with one outcome: its median over the successful runs that had it."""

    outcome: CacheOutcome
    runs: int
    median_s: float


@dataclass(frozen=True, slots=True)
class CacheSplit:
    """How the time of a job depends on one cache.

    What comes with an outcome is not all due to it: the commit that misses is often the one that changes more.
    `caching.time_saved` compares neighbours in time instead.

    Attributes:
        times: Of the outcomes seen.
        miss_s: By how much jobs with a miss are longer than those with a hit; None with under four of either.
        partial_s: The same for a partial hit.
    """

    times: tuple[OutcomeTime, ...]
    miss_s: Shift | None
    partial_s: Shift | None


def cache_split(job_s: Floats, outcomes: Integers) -> CacheSplit | None:
    """Split the times of a job by a cache step's outcome.

    Args:
        job_s: Of successful jobs, oldest first.
        outcomes: Place of each one's outcome in `OUTCOMES`, negative where it has none.

    Returns:
        None where no job has one.
    """
    by_outcome = {outcome: job_s[outcomes == place] for place, outcome in enumerate(OUTCOMES)}
    times = tuple(
        OutcomeTime(outcome, len(found), float(np.median(found))) for outcome, found in by_outcome.items() if len(found)
    )
    if not times:
        return None
    hits = by_outcome[CacheOutcome.HIT]
    return CacheSplit(times, shift(by_outcome[CacheOutcome.MISS], hits), shift(by_outcome[CacheOutcome.PARTIAL], hits))
