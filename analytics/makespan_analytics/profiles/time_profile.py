"""How long something takes: quantiles, drift, and what its time depends on, for many jobs or steps at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from makespan_analytics.change_points import detect_many
from makespan_analytics.profiles.quantiles import Floats, Quantile, quantiles
from makespan_analytics.profiles.trend import FEWEST, Trend, trend
from makespan_analytics.profiles.variance_split import Codes, Factor, VarianceSplit, variance_split
from makespan_analytics.table_columns import Integers, codes, floats, integers

_LEAST_S = 1e-3
"""What took less than a millisecond took one: logarithms need more than nothing."""
_NS_PER_HOUR = 3_600 * 10**9
_HOURS = 24


@dataclass(frozen=True, slots=True)
class TimeProfile:
    """The time of a job or step, over its successful runs; of a matrix, all legs.

    Attributes:
        runs: Runs looked at.
        quantiles_s: p10, p50, p90 and p95 with their intervals, legs as they are.
        trend: Of the time in relation to what is usual for its leg; None where there is too little to tell.
        variance: What that differs by; None likewise.
    """

    runs: int
    quantiles_s: tuple[Quantile, ...]
    trend: Trend | None
    variance: VarianceSplit | None


def factor_codes(jobs: pa.Table, rows: pa.Table, job_of_row: Integers | None = None) -> dict[Factor, Codes]:
    """The level of every factor in each row.

    Args:
        jobs: `JOB_SERIES`.
        rows: The same table, or `STEP_SERIES` of these jobs.
        job_of_row: The place of each step's job.
    """
    commits, known = codes(jobs, "commit")
    by_run, _ = codes(jobs, "run_id")
    of_job = {
        # A run of an unknown commit stands for itself.
        Factor.COMMIT: np.where(commits >= 0, commits, by_run + len(known)),
        Factor.WORKER: codes(jobs, "worker")[0],
        Factor.RUNNER_LABELS: codes(jobs, "runner_labels")[0],
        Factor.BRANCH: codes(jobs, "ref")[0],
    }
    found = of_job if job_of_row is None else {factor: levels[job_of_row] for factor, levels in of_job.items()}
    found[Factor.HOUR] = integers(rows, "start_ns") // _NS_PER_HOUR % _HOURS
    return found


def time_profiles(
    rows: pa.Table, factors: Mapping[Factor, Codes], members: Mapping[int, Integers]
) -> dict[int, TimeProfile]:
    """The profile of each group of rows that has any.

    Args:
        rows: `JOB_SERIES` or `STEP_SERIES`, oldest first.
        factors: The level of every factor in each row.
        members: By group the places of its successful rows, in order.
    """
    seconds = np.maximum(floats(rows, "duration_s"), _LEAST_S)
    legs, times_ns = codes(rows, "job_name")[0], integers(rows, "run_start_ns")
    members = {number: places for number, places in members.items() if len(places)}
    levelled = {number: levelled_logarithms(seconds[places], legs[places]) for number, places in members.items()}
    long = [number for number, places in members.items() if len(places) >= FEWEST]
    changes = dict(zip(long, detect_many([np.exp(levelled[number]) for number in long]), strict=True))
    found = {}
    for number, places in members.items():
        middle = float(np.median(seconds[places]))
        found[number] = TimeProfile(
            runs=len(places),
            quantiles_s=quantiles(seconds[places]),
            trend=trend(np.exp(levelled[number]) * middle, times_ns[places], changes.get(number, ())),
            variance=variance_split(levelled[number], {name: levels[places] for name, levels in factors.items()}),
        )
    return found


def levelled_s(seconds: Floats, legs: Codes) -> Floats:
    """Times as if every leg of a matrix had the median of them all."""
    if not len(seconds):
        return seconds
    found: Floats = np.exp(levelled_logarithms(seconds, legs)) * np.median(seconds)
    return found


def levelled_logarithms(seconds: Floats, legs: Codes) -> Floats:
    """Logarithms of times less the median of their leg: legs of a matrix differ for good."""
    found = np.log(np.maximum(seconds, _LEAST_S))
    order = np.argsort(legs, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(legs[order])) + 1):
        if len(places):
            found[places] -= np.median(found[places])
    return found
