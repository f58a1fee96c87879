"""What a hit saves: jobs that missed beside the jobs that hit around them.

A miss comes with the commits that change most, and what a job takes changes over a year. So each miss is compared with
the nearest hits before and after it in the same leg, not with all hits.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from makespan_analytics.caching.restores import Restore
from makespan_analytics.profiles.quantiles import ranks
from makespan_model.records import CacheOutcome

FEWEST_PAIRS = 5
"""Misses beside hits under which no saving is told: the outermost of five enclose the median in 94 of 100 cases."""
_NEIGHBOURS = 3
"""Hits on either side of a miss: their median is no single run's luck, and they are still near."""


@dataclass(frozen=True, slots=True)
class Saving:
    """What the job saves by a hit, against a miss or a partial hit.

    Attributes:
        seconds: Median over the pairs; negative where hits take longer.
        low: Lower end of a 90 % interval by order statistics, `high` its upper end.
        pairs: Misses with hits near them.
    """

    seconds: float
    low: float
    high: float
    pairs: int

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves out that nothing is saved."""
        return self.low > 0.0 or self.high < 0.0


def saving(restores: Sequence[Restore], instead_of: CacheOutcome = CacheOutcome.MISS) -> Saving | None:
    """What hits of a cache save, in time of the whole job: what it restores, and what it then need not do.

    Args:
        restores: Of one cache step, all legs, in order of time; only jobs that succeeded count.
        instead_of: What hits are compared with.

    Returns:
        None for fewer than `FEWEST_PAIRS` pairs.
    """
    by_leg: dict[str, list[Restore]] = defaultdict(list)
    for one in restores:
        if one.job_s is not None:
            by_leg[one.job].append(one)
    differences = np.sort([gap for leg in by_leg.values() for gap in _gaps(leg, instead_of)])
    if len(differences) < FEWEST_PAIRS:
        return None
    low, high = ranks(len(differences), 0.5)
    first, last = 0, len(differences) - 1
    return Saving(
        seconds=float(np.median(differences)),
        low=float(differences[first if low is None else low]),
        high=float(differences[last if high is None else high]),
        pairs=len(differences),
    )


def _gaps(leg: Sequence[Restore], instead_of: CacheOutcome) -> list[float]:
    hits = [(place, one.job_s) for place, one in enumerate(leg) if one.outcome is CacheOutcome.HIT and one.job_s]
    places = [place for place, _ in hits]
    found = []
    for place, one in enumerate(leg):
        if one.outcome is instead_of and one.job_s is not None:
            middle = bisect(places, place)
            near = [seconds for _, seconds in hits[max(0, middle - _NEIGHBOURS) : middle + _NEIGHBOURS]]
            if near:
                found.append(one.job_s - float(np.median(near)))
    return found
