"""Jobs, and whole pipelines, that take a little more every week: what no single change is to blame for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from makespan_analytics.change_points import detect_many
from makespan_analytics.profiles.trend import FEWEST, Trend, TrendKind, trend
from makespan_model.records import PipelineRun, Result


@dataclass(frozen=True, slots=True)
class Drift:
    """One series that drifts.

    Attributes:
        job: The job's label; None for the makespan of the whole pipeline.
        runs: Successful runs it is told from.
        run_ids: Of the first and the last of them.
        start_s: Where the slope began, and `end_s` where it is now.
    """

    job: str | None
    runs: int
    run_ids: tuple[str, str]
    start_s: float
    end_s: float
    trend: Trend


@dataclass(slots=True)
class _Series:
    seconds: list[float]
    times_ns: list[int]
    run_ids: list[str]


def drifts(runs: Sequence[PipelineRun]) -> tuple[Drift, ...]:
    """Every drift in the times of one pipeline: the whole first, then the job that changed most.

    Args:
        runs: Of one pipeline, oldest first; only what succeeded counts. Runs of many branches are fine: branches come
            and go, and do not drift together.
    """
    series: dict[str | None, _Series] = defaultdict(lambda: _Series([], [], []))
    for run in runs:
        if run.result is Result.SUCCESS and run.state is None:
            _note(series[None], run, run.makespan_s)
        for job in run.jobs:
            if job.result is Result.SUCCESS and job.state is None:
                _note(series[job.name], run, job.duration_s)
    long = {label: one for label, one in series.items() if len(one.seconds) >= FEWEST}
    changes = detect_many([one.seconds for one in long.values()])
    found = []
    for (label, one), points in zip(long.items(), changes, strict=True):
        values, times_ns = np.array(one.seconds), np.array(one.times_ns, dtype=np.int64)
        told = trend(values, times_ns, points)
        if told is not None and told.kind is TrendKind.DRIFT:
            found.append(_drift(label, one, told))
    return tuple(sorted(found, key=lambda drift: (drift.job is not None, -abs(drift.end_s - drift.start_s))))


def _note(series: _Series, run: PipelineRun, seconds: float) -> None:
    series.seconds.append(seconds)
    series.times_ns.append(run.start_ns)
    series.run_ids.append(run.identity.run_id)


def _drift(job: str | None, series: _Series, told: Trend) -> Drift:
    weeks = (np.array(series.times_ns, dtype=np.int64) - series.times_ns[0]) / (7 * 86_400 * 1e9)
    # The line through the medians, as Theil and Sen's slope has no intercept of its own (Conover, Practical
    # Nonparametric Statistics, 1980, section 5.5).
    start_s = float(np.median(series.seconds)) - told.per_week * float(np.median(weeks))
    return Drift(
        job=job,
        runs=len(series.seconds),
        run_ids=(series.run_ids[0], series.run_ids[-1]),
        start_s=max(0.0, start_s),
        end_s=max(0.0, start_s + told.per_week * float(weeks[-1])),
        trend=told,
    )
