"""Simulates a pipeline from its shape and its recorded runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np

from makespan_model.errors import InputError, UsageError
from makespan_optimizer.simulation.arrivals import STREAMS, Arrivals, offered_load, stream_s, warm_up_runs
from makespan_optimizer.simulation.billing import tariffs
from makespan_optimizer.simulation.draws import Draws, Replays
from makespan_optimizer.simulation.observations import Observations
from makespan_optimizer.simulation.outcome import Outcome, outcome
from makespan_optimizer.simulation.resampling import draw_runs
from makespan_optimizer.simulation.shape import PipelineShape
from makespan_optimizer.simulation.shared_replay import play_shared, pool_label
from makespan_optimizer.simulation.unlimited_replay import can_play, play_unlimited

DEFAULT_RUNS = 2_000
"""So many leave the median of a makespan that varies by 20 % uncertain by half a percent."""
_PROBE_RUNS = 400
_LONGEST_AFTER = 2_000
_MOST_ATTEMPTS = 10_000_000
"""Of all jobs in all runs: with some fifteen arrays of eight bytes each, a little over 1 GiB."""
_HIGHEST_UTILISATION = 0.98
"""Beyond, a queue needs more than ten thousand runs to settle, and any misjudgement of the load makes it endless."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be simulated.

    Attributes:
        runs: Simulated runs.
        seed: The same seed gives the same answer, to the byte.
        assumed_s: Fixed durations by job name or id.
        runners: Sizes of pools by label; jobs that ask for none of them start after their recorded delays.
        arrivals: How other runs of the pipeline begin that share the pools; None where a run has them for itself.
        startup_s: Start-up of the runners of a pool by label.
        own_usd_per_hour: As for `cost.job_cost`.
    """

    runs: int = DEFAULT_RUNS
    seed: int = 0
    assumed_s: Mapping[str, float] = field(default_factory=dict)
    runners: Mapping[str, int] = field(default_factory=dict)
    arrivals: Arrivals | None = None
    startup_s: Mapping[str, float] = field(default_factory=dict)
    own_usd_per_hour: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settling:
    """Runs of a stream that are played and not told of.

    Attributes:
        before: At its beginning, as its pools are empty then.
        after: At its end, so that the last runs told of meet as many later ones as the others do.
    """

    before: int
    after: int


def simulate(
    shape: PipelineShape, observations: Observations, question: Question, settled: Settling | None = None
) -> Outcome:
    """Simulate a pipeline.

    `settled` is that of streams (`settling`); pipelines that are to be compared need the same.

    Raises:
        InputError: Nothing is known of a job, or the runners cannot keep up with the arrivals.
        UsageError: A pool that no job asks for, arrivals without anything the runs would share, or too many runs.
    """
    shape = _with_labels(shape, observations)
    _check_pools(shape, question)
    priced = tariffs(shape, observations.labels, question.own_usd_per_hour)
    if question.arrivals is not None:
        settled = settled or settling(shape, observations, question)
        replays = _play_streams(shape, observations, question, question.arrivals, settled)
        return outcome(shape, replays, priced, question.runners, batches=STREAMS)
    draws = _draws(shape, observations, question, question.runs)
    if can_play(shape) and not question.runners:
        replays = play_unlimited(shape, draws)
    else:
        replays = play_shared(shape, draws, runners=question.runners)
    return outcome(shape, replays, priced, question.runners)


def _draws(shape: PipelineShape, observations: Observations, question: Question, count: int) -> Draws:
    attempts = 1 + max((job.retries for job in shape.jobs), default=0)
    if count * len(shape.jobs) * attempts > _MOST_ATTEMPTS:
        raise UsageError(
            f"{count} runs of {len(shape.jobs)} jobs are too many to hold at once; "
            f"at most {_MOST_ATTEMPTS // (len(shape.jobs) * attempts)} can be simulated"
        )
    return draw_runs(
        shape,
        observations,
        count,
        question.seed,
        assumed_s=question.assumed_s,
        startup_s=question.startup_s,
    )


def _check_pools(shape: PipelineShape, question: Question) -> None:
    asked = {label for job in shape.jobs for label in job.labels or ()}
    for label in question.runners:
        if not any(pool_label(job.labels, question.runners) == label for job in shape.jobs):
            raise UsageError(
                f"no job of {shape.file} asks for a runner {label!r}; they ask for: {', '.join(sorted(asked)) or '?'}"
            )
    shares = question.runners or shape.group or any(job.group for job in shape.jobs)
    if question.arrivals is not None and not shares:
        raise UsageError("arrivals change nothing without runners that the runs share: give --runners LABEL=N")


def settling(shape: PipelineShape, observations: Observations, question: Question) -> Settling:
    """How long streams of a pipeline take to settle.

    Raises:
        InputError: Nothing is known of a job, or the runners cannot keep up with the arrivals.
        UsageError: As for `simulate`.
    """
    if question.arrivals is None:
        return Settling(0, 0)
    shape, per_hour = _with_labels(shape, observations), question.arrivals.per_hour
    _check_pools(shape, question)
    probe = play_shared(
        shape, _draws(shape, observations, question, min(_PROBE_RUNS, question.runs)), runners=question.runners
    )
    load = offered_load(shape, probe, question.runners, per_hour)
    for label, runners in question.runners.items():
        if load[label] > _HIGHEST_UTILISATION * runners:
            raise InputError(
                f"{runners} runner{'s' * (runners != 1)} of {label!r} cannot keep up with {per_hour:.3g} runs "
                f"an hour, which keep {load[label]:.3g} busy: the queue grows without end; "
                f"at least {ceil(load[label] / _HIGHEST_UTILISATION)} are needed"
            )
    # Runs that wait take longer than those that have the pools for themselves: about 1 / (1 - utilisation) times.
    idle = 1 - max((load[label] / runners for label, runners in question.runners.items()), default=0.0)
    after = ceil(per_hour / 3600 * float(probe.makespan_s.max()) / idle) + 1
    return Settling(warm_up_runs(load, question.runners), min(_LONGEST_AFTER, after))


def _with_labels(shape: PipelineShape, observations: Observations) -> PipelineShape:
    """Labels that the file leaves open, as they were recorded."""
    jobs = [
        job if job.labels is not None or recorded is None else replace(job, labels=recorded)
        for job, recorded in zip(shape.jobs, observations.labels, strict=True)
    ]
    return replace(shape, jobs=tuple(jobs))


def _play_streams(
    shape: PipelineShape, observations: Observations, question: Question, arrivals: Arrivals, settled: Settling
) -> Replays:
    """Runs of independent streams, without those that are played to settle them."""
    told = ceil(question.runs / STREAMS)
    count = settled.before + told + settled.after
    draws = _draws(shape, observations, question, STREAMS * count)
    parts: list[Replays] = []
    for stream in range(STREAMS):
        part = _rows(draws, slice(stream * count, (stream + 1) * count))
        arrivals_s = stream_s(arrivals, count, question.seed, stream)
        parts.append(play_shared(shape, part, runners=question.runners, arrivals_s=arrivals_s))
    return _joined(parts, slice(settled.before, settled.before + told))


def _rows(draws: Draws, rows: slice) -> Draws:
    return Draws(
        draws.runs[rows],
        draws.duration_s[:, rows],
        draws.fails[:, rows],
        draws.delay_s[rows],
        draws.startup_s[rows],
        draws.tail_s[rows],
    )


def _joined(parts: Sequence[Replays], rows: slice) -> Replays:
    return Replays(
        state=np.concatenate([part.state[rows] for part in parts]),
        ready_s=np.concatenate([part.ready_s[rows] for part in parts]),
        start_s=np.concatenate([part.start_s[rows] for part in parts]),
        end_s=np.concatenate([part.end_s[rows] for part in parts]),
        wait_s=np.concatenate([part.wait_s[rows] for part in parts]),
        attempt_s=np.concatenate([part.attempt_s[:, rows] for part in parts], axis=1),
        held_s=np.concatenate([part.held_s[rows] for part in parts]),
        makespan_s=np.concatenate([part.makespan_s[rows] for part in parts]),
        arrival_s=np.concatenate([part.arrival_s[rows] for part in parts]),
        discarded=np.concatenate([part.discarded[rows] for part in parts]),
    )
