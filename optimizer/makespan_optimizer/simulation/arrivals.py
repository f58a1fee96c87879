"""When runs begin that share runners: by chance at a given rate, or as recorded runs began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from makespan_model.errors import InputError
from makespan_optimizer.simulation.draws import Floats, Replays
from makespan_optimizer.simulation.shape import PipelineShape
from makespan_optimizer.simulation.shared_replay import pool_label

STREAMS = 20
"""Independent streams of runs, for the error of what is told from them: Schmeiser (Batch size effects in the analysis
of simulation output, 1982) finds 10 to 30 batches to be all that helps."""
_FEWEST_RECORDED = 20
_LONGEST_WARM_UP = 2_000


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How runs begin.

    Attributes:
        per_hour: Mean number of runs that begin in an hour.
        gaps_s: Recorded times between runs, in their order, to be gone through from a random place; empty for a
            Poisson process.
    """

    per_hour: float
    gaps_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.per_hour <= 0:
            raise ValueError(f"runs must arrive at more than {self.per_hour} an hour")


def recorded_arrivals(start_ns: Sequence[int]) -> Arrivals:
    """Arrivals as recorded runs began.

    Raises:
        InputError: There are too few to tell.
    """
    if len(start_ns) < _FEWEST_RECORDED:
        raise InputError(
            f"{len(start_ns)} recorded runs are too few to replay arrivals ({_FEWEST_RECORDED} are needed)"
        )
    gaps_s = np.diff(np.sort(np.array(start_ns, dtype=np.int64))) / 1e9
    if gaps_s.sum() <= 0:
        raise InputError("all recorded runs began at one instant: their arrivals tell no rate")
    return Arrivals(3600 / float(gaps_s.mean()), tuple(gaps_s.tolist()))


def stream_s(arrivals: Arrivals, count: int, seed: int, stream: int) -> Floats:
    """When the runs of one stream begin."""
    random = np.random.default_rng([seed, 2, stream])
    if not arrivals.gaps_s:
        return np.cumsum(random.exponential(3600 / arrivals.per_hour, count))
    begin = int(random.integers(0, len(arrivals.gaps_s)))
    places = (begin + np.arange(count)) % len(arrivals.gaps_s)
    found: Floats = np.cumsum(np.array(arrivals.gaps_s)[places])
    return found


def offered_load(shape: PipelineShape, alone: Replays, runners: Mapping[str, int], per_hour: float) -> dict[str, float]:
    """Mean number of runners of each pool that the runs keep busy.

    `alone` are runs that had the pools for themselves.
    """
    load = dict.fromkeys(runners, 0.0)
    for column, job in enumerate(shape.jobs):
        label = pool_label(job.labels, runners)
        if label is not None:
            load[label] += float(alone.held_s[:, column].mean()) * per_hour / 3600
    return load


def warm_up_runs(load: Mapping[str, float], runners: Mapping[str, int]) -> int:
    """Runs to leave out at the beginning of a stream, as its pools are empty then.

    Four relaxation times: after that 2 % of the difference to the steady state are left. For one of them, Odoni and
    Roth (An empirical investigation of the transient behavior of stationary queueing systems, 1983) give the sum of
    the squared variations of arrivals and services over 2.8 (1 - sqrt(utilisation))^2 service rates; here with both
    variations 1, and in runs of the busiest pool.
    """
    utilisation = max((load[label] / runners[label] for label in runners), default=0.0)
    relaxation = utilisation * 2 / (2.8 * (1 - sqrt(utilisation)) ** 2)
    return min(_LONGEST_WARM_UP, 20 + ceil(4 * relaxation))
