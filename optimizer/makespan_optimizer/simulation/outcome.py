"""What a simulation says: makespan, cost, each job's part in them, and the runners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from makespan_optimizer.simulation.billing import Tariff, costs_usd
from makespan_optimizer.simulation.draws import Flags, Floats, Indices, JobState, Replays, States
from makespan_optimizer.simulation.estimates import Distribution, Estimate, distribution, share
from makespan_optimizer.simulation.shape import PipelineShape
from makespan_optimizer.simulation.shared_replay import pool_label

_CLOSE_S = 1e-9


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """One job over all simulated runs.

    Attributes:
        duration_s: Of the runs in which it ran to its end; None where it never did.
        ran: How often it ran at all.
        failed: How often it failed.
        critical: How often it was on the critical path: the run would have ended sooner without it.
        wait_s: Mean time it waited for a runner of a simulated pool.
        usd: Mean cost; None without a price.
        unpriced: Why there is none.
        price: What the price is of.
    """

    name: str
    job_id: str
    duration_s: Distribution | None
    ran: Estimate
    failed: Estimate
    critical: Estimate
    wait_s: float
    usd: float | None
    unpriced: str
    price: str | None


@dataclass(frozen=True, slots=True)
class PoolOutcome:
    """The runners of one label.

    Attributes:
        utilisation: Part of the runners' time in which they had a job, start-up included.
        wait_s: Time from a job asking for a runner to its getting one, over all jobs that asked.
        waited: How often a job had to wait.
    """

    label: str
    runners: int
    utilisation: Estimate
    wait_s: Distribution
    waited: Estimate


@dataclass(frozen=True, slots=True)
class Outcome:
    """A simulation.

    Attributes:
        runs: Simulated runs that are told of; `discarded` more were cancelled because of their concurrency group.
        makespan_s: Of all of them, as `makespans_s`, which is in order of the simulated runs.
        passed: How many of them passed.
        passed_makespan_s: Of those; None where none passed.
        usd: Cost of a run, as `costs_usd`: the sum over its priced jobs; None where no job is priced.
    """

    runs: int
    discarded: int
    makespan_s: Distribution
    passed: Estimate
    passed_makespan_s: Distribution | None
    usd: Distribution | None
    jobs: tuple[JobOutcome, ...]
    pools: tuple[PoolOutcome, ...]
    makespans_s: tuple[float, ...]
    costs_usd: tuple[float, ...]


def outcome(
    shape: PipelineShape,
    replays: Replays,
    tariffs: Sequence[Tariff],
    runners: Mapping[str, int],
    *,
    batches: int = 0,
) -> Outcome:
    """Tell what was played.

    Args:
        shape: The pipeline.
        replays: Its runs; of streams only what is left without the beginning.
        tariffs: Of its jobs.
        runners: Its pools.
        batches: Independent streams the runs come from; 0 where every run is by itself.
    """
    kept = ~replays.discarded
    played = _kept(replays, kept)
    critical = critical_jobs(shape, played)
    usd = costs_usd(played, tariffs)
    passed = _passed(shape, played)
    priced = any(tariff.usd_per_s is not None for tariff in tariffs)
    return Outcome(
        runs=int(kept.sum()),
        discarded=int((~kept).sum()),
        makespan_s=distribution(played.makespan_s, batches),
        passed=share(passed.astype(np.float64), batches),
        passed_makespan_s=distribution(played.makespan_s[passed], batches) if passed.any() else None,
        usd=distribution(usd.sum(axis=1), batches) if priced else None,
        jobs=tuple(
            _job(shape, played, critical, usd, tariffs[column], column, batches) for column in range(len(shape.jobs))
        ),
        pools=tuple(_pool(shape, replays, runners, label, batches) for label in runners),
        makespans_s=tuple(played.makespan_s.tolist()),
        costs_usd=tuple(usd.sum(axis=1).tolist()),
    )


def critical_jobs(shape: PipelineShape, replays: Replays) -> Flags:
    """(runs, jobs): whether a job is on the critical path, walked back from the end of the run along needs.

    A job that waited for a runner, its group or other legs is on it for that time too: what had the runner is not
    told. Where several jobs end at one instant the first of them is taken.
    """
    count, jobs = replays.end_s.shape
    walked: Flags = np.zeros((count, jobs), dtype=np.bool_)
    rows = np.arange(count)
    walked[rows, _latest(replays.end_s, replays.state)] = True
    latest: dict[tuple[int, ...], Indices] = {}
    for column in reversed(range(jobs)):
        before = shape.before(column)
        if before and before not in latest:
            columns = list(before)
            latest[before] = np.array(columns)[_latest(replays.end_s[:, columns], replays.state[:, columns])]
        if before:
            walked[rows, latest[before]] |= walked[:, column]
    # The walk passes through what was skipped, to what it had to wait for.
    found: Flags = walked & (replays.state != JobState.SKIPPED)
    return found


def _latest(end_s: Floats, state: States) -> Indices:
    """The job that ended last; of several the first, and rather one that ran."""
    is_last = end_s >= end_s.max(axis=1, keepdims=True) - _CLOSE_S
    found: Indices = (is_last + (is_last & (state != JobState.SKIPPED)).astype(np.int64)).argmax(axis=1)
    return found


def _kept(replays: Replays, kept: Flags) -> Replays:
    return Replays(
        state=replays.state[kept],
        ready_s=replays.ready_s[kept],
        start_s=replays.start_s[kept],
        end_s=replays.end_s[kept],
        wait_s=replays.wait_s[kept],
        attempt_s=replays.attempt_s[:, kept],
        held_s=replays.held_s[kept],
        makespan_s=replays.makespan_s[kept],
        arrival_s=replays.arrival_s[kept],
        discarded=replays.discarded[kept],
    )


def _passed(shape: PipelineShape, replays: Replays) -> Flags:
    strict = [column for column, job in enumerate(shape.jobs) if not job.failure_tolerated]
    ended_badly = (replays.state == JobState.FAILURE) | (replays.state == JobState.CANCELLED)
    passed: Flags = ~np.logical_or.reduce(ended_badly[:, strict], axis=1)
    return passed


def _job(
    shape: PipelineShape,
    replays: Replays,
    critical: Flags,
    usd: Floats,
    tariff: Tariff,
    column: int,
    batches: int,
) -> JobOutcome:
    job, state = shape.jobs[column], replays.state[:, column]
    ended = (state == JobState.SUCCESS) | (state == JobState.FAILURE)
    ran = state != JobState.SKIPPED
    durations_s = replays.attempt_s[:, ended, column].sum(axis=0)
    return JobOutcome(
        name=job.name,
        job_id=job.job_id,
        duration_s=distribution(durations_s, batches) if ended.any() else None,
        ran=share(ran.astype(np.float64), batches),
        failed=share((state == JobState.FAILURE).astype(np.float64), batches),
        critical=share(critical[:, column].astype(np.float64), batches),
        wait_s=float(replays.wait_s[ran, column].mean()) if ran.any() else 0.0,
        usd=None if tariff.usd_per_s is None else float(usd[:, column].mean()),
        unpriced=tariff.unpriced,
        price=tariff.price,
    )


def _pool(shape: PipelineShape, replays: Replays, runners: Mapping[str, int], label: str, batches: int) -> PoolOutcome:
    columns = [column for column, job in enumerate(shape.jobs) if pool_label(job.labels, runners) == label]
    asked = replays.state[:, columns] != JobState.SKIPPED
    waits_s = replays.wait_s[:, columns][asked]
    held_s = replays.held_s[:, columns].sum(axis=1)
    nothing = np.zeros(1)
    waits_s = waits_s if len(waits_s) else nothing
    return PoolOutcome(
        label=label,
        runners=runners[label],
        utilisation=_utilisation(replays, held_s / runners[label], batches),
        wait_s=distribution(waits_s, batches),
        waited=share((waits_s > _CLOSE_S).astype(np.float64), batches),
    )


def _utilisation(replays: Replays, held_s: Floats, batches: int) -> Estimate:
    """Work that came in over the time in which it came: of streams between their arrivals, else of each run alone."""
    if batches <= 1:
        work_s, spans_s = held_s, np.maximum(replays.makespan_s, _CLOSE_S)
    else:
        parts = [part for part in np.array_split(np.arange(len(held_s)), batches) if len(part) > 1]
        work_s = np.array([held_s[part[:-1]].sum() for part in parts])
        spans_s = np.array([replays.arrival_s[part[-1]] - replays.arrival_s[part[0]] for part in parts])
    if not spans_s.sum():
        return Estimate(0.0, None)
    # A ratio of sums, with the error of its linearisation (Cochran, Sampling Techniques, 3rd edition, section 2.11).
    ratio = float(work_s.sum() / spans_s.sum())
    residuals_s = work_s - ratio * spans_s
    if len(spans_s) == 1:
        return Estimate(ratio, None)
    return Estimate(ratio, float(residuals_s.std(ddof=1)) / sqrt(len(spans_s)) / float(spans_s.mean()))
