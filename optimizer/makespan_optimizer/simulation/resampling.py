"""Draws simulated runs from recorded ones.

A simulated run takes its residuals (durations over the level of their time), failures, conditions and delays from one
recorded run, all jobs together: so slow machines, cold caches and broken commits stay as common as they were, and
stay together. What that run does not tell of a job (it was skipped, cancelled, not there yet) comes from another one
that does. With few runs their combinations cannot be told from chance: each job is then drawn for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

import numpy as np

from makespan_model.errors import InputError
from makespan_optimizer.simulation.draws import Draws, Floats, Indices, within_timeouts
from makespan_optimizer.simulation.observations import Observations
from makespan_optimizer.simulation.shape import PipelineShape, StartsWhen

FEWEST_JOINT_RUNS = 10
"""Recorded runs from which on whole runs are drawn: with fewer, a correlation of 0.6 between two jobs is within what
chance gives (5 % point of r for n = 10: 0.63; Fisher, Statistical Methods for Research Workers, table V.A)."""


def unknown_jobs(shape: PipelineShape, observations: Observations, assumed_s: Mapping[str, float]) -> list[str]:
    """Names of jobs that may run, and of which no run tells a duration and nobody assumed one."""
    kept_back = kept_back_jobs(shape, observations, assumed_s)
    return [
        job.name
        for column, job in enumerate(shape.jobs)
        if np.isnan(observations.level_s[column])
        and not kept_back[column]
        and assumption(job.name, job.job_id, assumed_s) is None
    ]


def kept_back_jobs(shape: PipelineShape, observations: Observations, assumed_s: Mapping[str, float]) -> list[bool]:
    """Whether each job does not run in simulated runs, as it ran in none.

    The file turns it off, its condition never held, it waits for a failure and none was seen, or it needs a job of
    that kind. Who assumes how long a job takes wants it to run, unless the file turns it off.
    """
    found: list[bool] = []
    for column, job in enumerate(shape.jobs):
        is_assumed = assumption(job.name, job.job_id, assumed_s) is not None
        let = observations.let[:, column]
        has_run = bool(np.any(let > 0))
        waits_in_vain = (
            job.starts_when is StartsWhen.SUCCESS
            and not shape.absent_passes
            and any(found[other] for other in shape.before(column))
        )
        by_itself = bool(np.any(let == 0)) or job.starts_when is StartsWhen.FAILURE
        found.append(job.never_runs or (not has_run and (waits_in_vain or (by_itself and not is_assumed))))
    return found


def assumption(name: str, job_id: str, assumed_s: Mapping[str, float]) -> float | None:
    """Seconds assumed of a job, by its name or its id."""
    return assumed_s.get(name, assumed_s.get(job_id))


def draw_runs(
    shape: PipelineShape,
    observations: Observations,
    count: int,
    seed: int,
    *,
    assumed_s: Mapping[str, float],
    startup_s: Mapping[str, float],
) -> Draws:
    """Draw simulated runs; the same seed gives the same draws, and a job the same ones in whatever pipeline it is.

    Args:
        shape: The pipeline.
        observations: Of the same jobs.
        count: How many.
        seed: 0 or more.
        assumed_s: Fixed durations by job name or id, which win over what was recorded; such a job never fails.
        startup_s: Start-up of runners by label, for pools.

    Raises:
        InputError: Nothing is known of a job.
    """
    unknown = unknown_jobs(shape, observations, assumed_s)
    if unknown:
        raise InputError(f"{shape.file}: no recorded run tells how long these jobs take: {', '.join(unknown)}")
    recorded, jobs = len(observations.tail_s), len(shape.jobs)
    attempts = 1 + max((job.retries for job in shape.jobs), default=0)
    rows = _rows(observations, count, np.random.default_rng([seed, 0]))
    draws = Draws(
        runs=np.ones((count, jobs), dtype=np.bool_),
        duration_s=np.zeros((attempts, count, jobs)),
        fails=np.zeros((attempts, count, jobs), dtype=np.bool_),
        delay_s=np.zeros((count, jobs)),
        startup_s=np.zeros((count, jobs)),
        tail_s=observations.tail_s[rows] if recorded else np.zeros(count),
    )
    kept_back = kept_back_jobs(shape, observations, assumed_s)
    for column, job in enumerate(shape.jobs):
        # A generator for each job: what one of them draws moves no other.
        random = np.random.default_rng([seed, 1, crc32(job.name.encode())])
        wanted = rows if recorded >= FEWEST_JOINT_RUNS else random.integers(0, max(recorded, 1), count)
        let = observations.let[:, column]
        if kept_back[column]:
            draws.runs[:, column] = False
        elif np.any(let > 0):
            draws.runs[:, column] = _drawn(let, wanted, random, 1.0) > 0
        draws.delay_s[:, column] = _drawn(_delays_s(observations, shape, column), wanted, random, 0.0)
        draws.startup_s[:, column] = next((startup_s[label] for label in job.labels or () if label in startup_s), 0.0)
        fixed_s = assumption(job.name, job.job_id, assumed_s)
        if fixed_s is not None:
            draws.duration_s[:, :, column] = fixed_s
        elif not np.isnan(observations.level_s[column]):
            _draw_attempts(draws, observations, column, job.retries, wanted, random)
    return within_timeouts(shape, draws)


def _rows(observations: Observations, count: int, random: np.random.Generator) -> Indices:
    """The recorded run behind each simulated one: a whole one, where there are enough of them."""
    whole = np.flatnonzero(observations.is_whole)
    chosen = whole if len(whole) >= FEWEST_JOINT_RUNS else np.arange(max(len(observations.is_whole), 1))
    found: Indices = chosen[random.integers(0, len(chosen), count)]
    return found


def _draw_attempts(
    draws: Draws, observations: Observations, column: int, retries: int, wanted: Indices, random: np.random.Generator
) -> None:
    """Durations and failures of all attempts at a job; a second one fails as often as recorded second ones did.

    Where none was recorded it fails: what broke the first attempt may break every one.
    """
    ratio, level_s = observations.ratio[:, column], observations.level_s[column]
    for attempt in range(retries + 1):
        tried = wanted if not attempt else random.integers(0, len(ratio), len(wanted))
        at = _places(ratio, tried, random)
        draws.duration_s[attempt, :, column] = ratio[at] * level_s
        if not attempt:
            draws.fails[attempt, :, column] = observations.failed[at, column] > 0
        else:
            draws.fails[attempt, :, column] = _drawn(observations.failed_again[:, column], wanted, random, 1.0) > 0


def _places(values: Floats, wanted: Indices, random: np.random.Generator) -> Indices:
    """The wanted rows, with those that hold no value replaced by random ones that do; some must."""
    known = np.flatnonzero(~np.isnan(values))
    instead = known[random.integers(0, len(known), len(wanted))]
    found: Indices = np.where(np.isnan(values[wanted]), instead, wanted)
    return found


def _drawn(values: Floats, wanted: Indices, random: np.random.Generator, otherwise: float) -> Floats:
    if np.all(np.isnan(values)):
        return np.full(len(wanted), otherwise)
    found: Floats = values[_places(values, wanted, random)]
    return found


def _delays_s(observations: Observations, shape: PipelineShape, column: int) -> Floats:
    """A job's own delays; where no run tells them, those of the jobs that ask for the same runner."""
    own = observations.delay_s[:, column]
    if not np.all(np.isnan(own)):
        return own
    alike = [other for other, job in enumerate(shape.jobs) if job.labels == shape.jobs[column].labels]
    found = observations.delay_s[:, alike]
    counts = np.count_nonzero(~np.isnan(found), axis=1)
    sums = np.nansum(found, axis=1)
    means: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means
