"""Whether jobs wait because there are too few runners, from queue times and the load at which they arose.

Every runner takes a moment to pick a job up, however idle its pool: that is the usual wait at low load. What a job
waits beyond it while as many jobs of its label run as ever ran at once is put down to the number of runners; what it
waits beyond it at lower load (start-up of machines, a paused pool, limits of the provider) is not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from statistics import median

from makespan_model.records import JobRun, PipelineRun, Result

FEWEST_JOBS = 20
"""Jobs with a queue time under which nothing is said of a label."""
_STARVED_RATIO = 0.25
"""From a quarter of the working time spent waiting for a runner on, a pool is starved: in an M/M/c queue of ten
servers that is a utilisation of 93 %, from where waits grow without bound (Kleinrock, Queueing Systems vol. 1, 3.5)."""
_TIGHT_RATIO = 0.05
_NEAR_CAPACITY = 0.9
"""Part of the highest concurrency seen from which on the pool counts as full: its end is rarely hit exactly."""


class Verdict(StrEnum):
    """What a label's queue times say."""

    STARVED = "starved"
    """More runners would shorten runs much."""
    TIGHT = "tight"
    """The pool is full at times."""
    SLOW_PICKUP = "slow pickup"
    """Jobs wait, but not for want of runners: the pool was not full."""
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class PoolStanding:
    """The runners of one label set over some history.

    Attributes:
        labels: What the jobs asked for; empty where nobody recorded it.
        jobs: Jobs with a known queue time.
        most_at_once: The highest number of its jobs seen running at once.
        pickup_s: Median queue time of jobs that could start while the pool was not full.
        queue_s: Median queue time of all, and `late_queue_s` what one in ten exceeds.
        starved_s: Mean time a job waited beyond the pickup while the pool was full.
        excess_s: The same while it was not full.
        busy_s: Mean time a job ran.
        by_hour_s: Median queue time by hour of the day (UTC) in which the job could start; hours without any left out.
    """

    labels: tuple[str, ...]
    jobs: int
    most_at_once: int
    pickup_s: float
    queue_s: float
    late_queue_s: float
    starved_s: float
    excess_s: float
    busy_s: float
    by_hour_s: tuple[tuple[int, float], ...]
    verdict: Verdict


def pool_standings(runs: Iterable[PipelineRun]) -> tuple[PoolStanding, ...]:
    """Every label set with enough jobs, the one that costs most waiting first.

    Args:
        runs: Of all pipelines that share the runners, where they are known: who is left out cannot be seen to be
            in the way.
    """
    by_labels: dict[tuple[str, ...], list[JobRun]] = defaultdict(list)
    for run in runs:
        for job in run.jobs:
            if job.result is not Result.SKIP:
                by_labels[tuple(sorted(job.runner_labels or ()))].append(job)
    found = [
        standing
        for labels, jobs in by_labels.items()
        if sum(job.queue_s is not None for job in jobs) >= FEWEST_JOBS
        for standing in [_standing(labels, jobs)]
    ]
    return tuple(sorted(found, key=lambda pool: (-(pool.starved_s + pool.excess_s) * pool.jobs, pool.labels)))


def _standing(labels: tuple[str, ...], jobs: Sequence[JobRun]) -> PoolStanding:
    queued = [_Wait(job, job.queue_s, job.queued_ns) for job in jobs if job.queue_s is not None and job.queued_ns]
    waits_s = sorted(wait.queue_s for wait in queued)
    quickest_s = waits_s[len(waits_s) // 20]
    load = _Load(jobs, quickest_s)
    full_from = max(1, round(load.most_at_once * _NEAR_CAPACITY))
    at_full: list[float] = []
    below: list[float] = []
    for wait in queued:
        # In the middle of what it waits beyond the pickup, every runner of a full pool is at work.
        middle_ns = wait.queued_ns + round(max(0.0, wait.queue_s - quickest_s) / 2 * 1e9)
        (at_full if load.taken_at(middle_ns) >= full_from else below).append(wait.queue_s)
    pickup_s = median(below) if below else waits_s[0]
    starved_s = sum(max(0.0, wait_s - pickup_s) for wait_s in at_full) / len(queued)
    excess_s = sum(max(0.0, wait_s - pickup_s) for wait_s in below) / len(queued)
    busy_s = sum(job.duration_s for job in jobs) / len(jobs)
    hours: dict[int, list[float]] = defaultdict(list)
    for wait in queued:
        hours[datetime.fromtimestamp(wait.queued_ns // 1_000_000_000, UTC).hour].append(wait.queue_s)
    return PoolStanding(
        labels=labels,
        jobs=len(queued),
        most_at_once=load.most_at_once,
        pickup_s=pickup_s,
        queue_s=median(waits_s),
        late_queue_s=waits_s[min(len(waits_s) - 1, int(0.9 * len(waits_s)))],
        starved_s=starved_s,
        excess_s=excess_s,
        busy_s=busy_s,
        by_hour_s=tuple((hour, median(waits)) for hour, waits in sorted(hours.items())),
        verdict=_verdict(starved_s, excess_s, pickup_s, busy_s),
    )


def _verdict(starved_s: float, excess_s: float, pickup_s: float, busy_s: float) -> Verdict:
    if starved_s >= _STARVED_RATIO * busy_s:
        return Verdict.STARVED
    if starved_s >= _TIGHT_RATIO * busy_s:
        return Verdict.TIGHT
    return Verdict.SLOW_PICKUP if pickup_s + excess_s >= _STARVED_RATIO * busy_s else Verdict.FINE


@dataclass(frozen=True, slots=True)
class _Wait:
    job: JobRun
    queue_s: float
    queued_ns: int


class _Load:
    """How many runners of a pool are taken at an instant; a runner is taken while it picks a job up already."""

    def __init__(self, jobs: Sequence[JobRun], pickup_s: float) -> None:
        starts_ns = sorted(job.start_ns for job in jobs)
        self._ends_ns = sorted(job.end_ns for job in jobs)
        # Of a runner that is handed on, pickups tell its taking only roughly: for the count, jobs themselves.
        self.most_at_once = max(self._count(starts_ns, start_ns) for start_ns in starts_ns)
        self._taken_ns = sorted(job.start_ns - round(min(pickup_s, job.queue_s or 0.0) * 1_000_000_000) for job in jobs)

    def taken_at(self, instant_ns: int) -> int:
        """Runners taken at an instant; one that is handed on at that instant counts once."""
        return self._count(self._taken_ns, instant_ns)

    def _count(self, begun_ns: Sequence[int], instant_ns: int) -> int:
        return bisect_right(begun_ns, instant_ns) - bisect_right(self._ends_ns, instant_ns)
