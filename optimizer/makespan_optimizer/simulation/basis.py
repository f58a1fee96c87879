"""What the durations of a simulation rest on, said for every job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from makespan_optimizer.simulation.observations import Observations
from makespan_optimizer.simulation.resampling import FEWEST_JOINT_RUNS, assumption, kept_back_jobs
from makespan_optimizer.simulation.shape import PipelineShape

FEWEST_RUNS = 5
"""Recorded runs under which a distribution is hardly one: of four, none tells what one in ten exceeds."""


class Source(StrEnum):
    """Where a job's duration comes from."""

    RECORDED = "recorded"
    ASSUMED = "assumed"
    NEVER_RAN = "never ran"
    """It ran in no recorded run (its condition, or that of a job it needs): it does not run in simulated ones."""
    NEVER_RUNS = "never runs"
    """Its condition in the file is false whatever the run."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What is known of one job.

    Attributes:
        runs: Recorded runs that tell its duration, also where another one is assumed.
        left_out: Names of steps of it that no run has measured, and which take no time in the simulation.
    """

    name: str
    source: Source
    runs: int
    left_out: tuple[str, ...] = ()

    @property
    def is_thin(self) -> bool:
        """Whether too few runs tell it to speak of a distribution."""
        return self.source is Source.RECORDED and self.runs < FEWEST_RUNS


def bases(shape: PipelineShape, observations: Observations, assumed_s: Mapping[str, float]) -> tuple[Basis, ...]:
    """The basis of every job."""
    kept_back = kept_back_jobs(shape, observations, assumed_s)
    found: list[Basis] = []
    for column, (job, runs) in enumerate(zip(shape.jobs, observations.counts, strict=True)):
        left_out = observations.left_out[column] if observations.left_out else ()
        if job.never_runs:
            found.append(Basis(job.name, Source.NEVER_RUNS, runs))
        elif kept_back[column]:
            found.append(Basis(job.name, Source.NEVER_RAN, runs))
        elif assumption(job.name, job.job_id, assumed_s) is not None:
            found.append(Basis(job.name, Source.ASSUMED, runs))
        else:
            found.append(Basis(job.name, Source.RECORDED, runs, left_out))
    return tuple(found)


def warnings(shape: PipelineShape, observations: Observations, found: tuple[Basis, ...]) -> tuple[str, ...]:
    """What a reader of the figures must know, one sentence each."""
    recorded = len(observations.tail_s)
    told: list[str] = []
    thin = [basis.name for basis in found if basis.is_thin]
    if thin:
        told.append(f"not enough runs (under {FEWEST_RUNS}) to speak of a distribution: {', '.join(thin)}")
    if 0 < recorded < FEWEST_JOINT_RUNS:
        told.append(
            f"{recorded} recorded runs are too few to tell which jobs are slow together "
            f"({FEWEST_JOINT_RUNS} are needed): jobs vary independently here"
        )
    never = [basis.name for basis in found if basis.source is Source.NEVER_RAN]
    if never:
        told.append(f"never ran in {recorded} recorded runs, so not in simulated ones: {', '.join(never)}")
    unsure = [
        job.name
        for column, job in enumerate(shape.jobs)
        if job.conditional
        and found[column].source not in (Source.NEVER_RUNS, Source.NEVER_RAN)
        and np.all(np.isnan(observations.let[:, column]))
    ]
    if unsure:
        told.append(f"no recorded run tells how often their conditions hold, so these always run: {', '.join(unsure)}")
    retried = [
        job.name
        for column, job in enumerate(shape.jobs)
        if job.retries
        and np.any(observations.failed[:, column] > 0)
        and np.all(np.isnan(observations.failed_again[:, column]))
    ]
    if retried:
        told.append(f"no recorded run tried these a second time, so a retry fails as well: {', '.join(retried)}")
    untold = [basis for basis in found if basis.left_out]
    told += [f"{basis.name}: no run has measured {', '.join(basis.left_out)}; left out" for basis in untold]
    return (*told, *shape.notes)
