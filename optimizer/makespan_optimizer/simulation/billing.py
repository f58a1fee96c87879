"""What simulated runs cost: every attempt billed by the price table of the provider, rounded up as it rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from makespan_analytics.cost.job_costs import job_cost
from makespan_analytics.cost.price_tables import price_table
from makespan_model.identity import RunIdentity
from makespan_model.records import JobRun, PipelineRun, Result
from makespan_optimizer.simulation.draws import Floats, Replays
from makespan_optimizer.simulation.shape import JobShape, PipelineShape

_PROBE_S = 3600


@dataclass(frozen=True, slots=True)
class Tariff:
    """How a job is billed.

    Attributes:
        usd_per_s: Price of a billed second; None when unknown.
        rounding_s: Each attempt is billed in whole multiples of it; 0 bills seconds.
        price: What the price is of; None when unknown.
        unpriced: Why there is no price; empty when there is one.
    """

    usd_per_s: float | None
    rounding_s: float
    price: str | None
    unpriced: str = ""


def tariffs(
    shape: PipelineShape, labels: Sequence[tuple[str, ...] | None], own_usd_per_hour: Mapping[str, float]
) -> tuple[Tariff, ...]:
    """The tariff of every job, by the rules of `cost.job_cost`.

    Args:
        shape: Its provider's prices hold.
        labels: What each job asks of its runner, as recorded; None to go by the file.
        own_usd_per_hour: As for `job_cost`.
    """
    return tuple(
        _tariff(shape.provider, job, recorded, own_usd_per_hour)
        for job, recorded in zip(shape.jobs, labels, strict=True)
    )


def costs_usd(replays: Replays, prices: Sequence[Tariff]) -> Floats:
    """(runs, jobs): what every job cost in each simulated run; 0 for a job without a known price."""
    usd = np.zeros(replays.end_s.shape)
    for column, tariff in enumerate(prices):
        if tariff.usd_per_s is None:
            continue
        ran_s = replays.attempt_s[:, :, column]
        billed_s = ran_s
        if tariff.rounding_s:
            billed_s = np.ceil(ran_s / tariff.rounding_s) * tariff.rounding_s
        usd[:, column] = billed_s.sum(axis=0) * tariff.usd_per_s
    return usd


def _tariff(
    provider: str, job: JobShape, recorded: tuple[str, ...] | None, own_usd_per_hour: Mapping[str, float]
) -> Tariff:
    if job.calls:
        return Tariff(None, 0.0, None, "it calls another pipeline, whose jobs are not told apart here")
    labels = job.labels if recorded is None else recorded
    # An hour of it, priced like any recorded job: one rule for what was and what would be.
    hour = JobRun(job.name, job.job_id, Result.SUCCESS, 0, _PROBE_S * 1_000_000_000, runner_labels=labels)
    run = PipelineRun(RunIdentity(provider, "simulated", "1"), "simulated", Result.SUCCESS, 0, hour.end_ns, (hour,))
    cost = job_cost(run, hour, own_usd_per_hour)
    if cost.usd is None:
        return Tariff(None, 0.0, None, cost.unpriced)
    table = price_table(provider)
    rounding_s = table.rounding_s if table is not None and cost.runner is not None else 0.0
    return Tariff(cost.usd / cost.billed_s, rounding_s, cost.price)
