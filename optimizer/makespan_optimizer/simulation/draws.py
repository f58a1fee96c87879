"""What chance decides in simulated runs, drawn before any of them is played."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from makespan_optimizer.simulation.shape import PipelineShape

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
States = npt.NDArray[np.int8]
Indices = npt.NDArray[np.int64]


class JobState(IntEnum):
    """What became of a job in a simulated run."""

    SUCCESS = 0
    FAILURE = 1
    CANCELLED = 2
    SKIPPED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """One row a simulated run, one column a job, in the order of `PipelineShape.jobs`.

    Attributes:
        runs: (runs, jobs): whether the job's own condition lets it run.
        duration_s: (attempts, runs, jobs): how long each attempt takes.
        fails: (attempts, runs, jobs): whether it fails.
        delay_s: (runs, jobs): from the end of what it needs to its start, where no pool of runners is simulated.
        startup_s: (runs, jobs): from a runner of a simulated pool taking the job to its start.
        tail_s: (runs,): from the end of the last job to the end of the run.
    """

    runs: Flags
    duration_s: Floats
    fails: Flags
    delay_s: Floats
    startup_s: Floats
    tail_s: Floats

    def __post_init__(self) -> None:
        shape = self.runs.shape
        for name, found in (("duration_s", self.duration_s), ("fails", self.fails)):
            if found.ndim != 3 or found.shape[1:] != shape:
                raise ValueError(f"{name} has the shape {found.shape}, not (attempts, {shape[0]}, {shape[1]})")
        for name, times_s in (("delay_s", self.delay_s), ("startup_s", self.startup_s)):
            if times_s.shape != shape:
                raise ValueError(f"{name} has the shape {times_s.shape}, not {shape}")
        for name, times_s in (("duration_s", self.duration_s), ("delay_s", self.delay_s), ("tail_s", self.tail_s)):
            if not np.all(times_s >= 0):
                raise ValueError(f"{name} holds a time under 0 s or none at all")

    @property
    def count(self) -> int:
        """Simulated runs."""
        return int(self.runs.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Replays:
    """Simulated runs, played; shapes as in `Draws`, times counted from the start of each run.

    Attributes:
        state: What became of each job.
        ready_s: When what it needs had ended; for a job that was skipped, when that was known.
        start_s: When it first ran; its end where it never did.
        end_s: When it ended or was skipped.
        wait_s: How long it waited for a runner of a simulated pool, over all attempts.
        attempt_s: (attempts, runs, jobs): how long each attempt ran; 0 for one that never began.
        held_s: How long it kept a runner, start-up included, over all attempts.
        makespan_s: (runs,): the end of the run.
        arrival_s: (runs,): when the run began, where runs share runners; else 0.
        discarded: (runs,): whether the whole run was cancelled because of its concurrency group.
    """

    state: States
    ready_s: Floats
    start_s: Floats
    end_s: Floats
    wait_s: Floats
    attempt_s: Floats
    held_s: Floats
    makespan_s: Floats
    arrival_s: Floats
    discarded: Flags


def within_timeouts(shape: PipelineShape, draws: Draws) -> Draws:
    """The draws with every attempt ended, as failed, at the timeout of its job."""
    limits_s = np.array([np.inf if job.timeout_s is None else job.timeout_s for job in shape.jobs])
    late = draws.duration_s > limits_s
    return Draws(
        draws.runs,
        np.minimum(draws.duration_s, limits_s),
        draws.fails | late,
        draws.delay_s,
        draws.startup_s,
        draws.tail_s,
    )
