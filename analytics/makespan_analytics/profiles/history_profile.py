"""Every job and step of a pipeline over its history: how long, whether it drifts, what that depends on, what it uses.

Works on the store's series tables, a column at a time, so that a company's pipelines are a matter of minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from makespan_analytics.profiles.cache_split import OUTCOMES, CacheSplit, cache_split
from makespan_analytics.profiles.quantiles import Floats, Quantile, quantiles
from makespan_analytics.profiles.resource_class import ResourceUse
from makespan_analytics.profiles.setup_share import SetupShare, setup_flags, setup_share, work_starts_s
from makespan_analytics.profiles.time_profile import TimeProfile, factor_codes, levelled_s, time_profiles
from makespan_analytics.profiles.usage_medians import UsageColumns
from makespan_analytics.table_columns import Flags, Integers, codes, floats, groups, is_one_of, joined
from makespan_collector.store.series import job_series_of, step_series_of
from makespan_model.records import PipelineRun, Result

_JOB_KEY = ("run_id", "attempt", "job_name")


@dataclass(frozen=True, slots=True)
class StepHistory:
    """One step over its history.

    Attributes:
        step: Its pooled path.
        runs: How often it ran; skipped runs do not count.
        failures: How often it did not succeed.
        time: None where it never succeeded.
        use: What it uses of what it is offered.
        is_setup: Whether it only makes the job ready, as far as its name tells.
        cache: How the job's time depends on what it found; None for a step that restores no cache.
    """

    job_id: str
    step: str
    name: str
    runs: int
    failures: int
    time: TimeProfile | None
    use: ResourceUse
    is_setup: bool
    cache: CacheSplit | None


@dataclass(frozen=True, slots=True)
class JobHistory:
    """One job over its history, matrix legs together.

    Attributes:
        queue_s: Quantiles of the wait for a runner; empty where nobody recorded it.
        queue_ratio: Median part of the wait in wait and work together; None likewise.
        setup: None where no run has a step that is known to do the work.
        steps: In the order of their first runs.
    """

    job_id: str
    runs: int
    failures: int
    time: TimeProfile | None
    queue_s: tuple[Quantile, ...]
    queue_ratio: float | None
    setup: SetupShare | None
    steps: tuple[StepHistory, ...]


def profile_history_of(runs: Sequence[PipelineRun]) -> tuple[JobHistory, ...]:
    """`profile_history` of assembled runs of one pipeline, oldest first."""
    return profile_history(job_series_of(runs), step_series_of(runs))


def profile_history(jobs: pa.Table, steps: pa.Table) -> tuple[JobHistory, ...]:
    """Profile every job and step of one pipeline, jobs in the order of their first runs.

    Jobs under way are left out; times are those of successful jobs and steps, as a failure says where it stopped.

    Args:
        jobs: `JOB_SERIES` of one pipeline, oldest first.
        steps: Its `STEP_SERIES`.
    """
    jobs = jobs.filter(pa.array(~is_one_of(jobs, "result", Result.SKIP))).filter(pc.field("state").is_null())
    steps = steps.filter(pa.array(~is_one_of(steps, "result", Result.SKIP)))
    job_of_step = joined(steps, jobs, _JOB_KEY)
    steps, job_of_step = steps.filter(pa.array(job_of_step >= 0)), job_of_step[job_of_step >= 0]
    if not jobs.num_rows:
        return ()
    is_setup = setup_flags(steps)
    starts_s = work_starts_s(steps, is_setup, job_of_step, jobs)
    steps_of = _step_histories(jobs, steps, job_of_step, is_setup)
    succeeded = is_one_of(jobs, "result", Result.SUCCESS)
    numbers, told = codes(jobs, "job_id")
    members = dict(groups(numbers))
    times = time_profiles(jobs, factor_codes(jobs, jobs), {n: p[succeeded[p]] for n, p in members.items()})
    seconds, queues_s = floats(jobs, "duration_s"), floats(jobs, "queue_s")
    found = []
    for number, places in members.items():
        good = places[succeeded[places]]
        queue_s, queue_ratio = _queue(queues_s[places], seconds[places])
        found.append(
            JobHistory(
                job_id=told[number][0],
                runs=len(places),
                failures=len(places) - len(good),
                time=times.get(number),
                queue_s=queue_s,
                queue_ratio=queue_ratio,
                setup=setup_share(starts_s[good], seconds[good]),
                steps=tuple(steps_of.get(told[number][0], ())),
            )
        )
    return tuple(found)


def _queue(queues_s: Floats, seconds: Floats) -> tuple[tuple[Quantile, ...], float | None]:
    is_known = ~np.isnan(queues_s)
    if not is_known.any():
        return (), None
    waits, total = queues_s[is_known], queues_s[is_known] + seconds[is_known]
    ratios = np.divide(waits, total, out=np.zeros_like(waits), where=total > 0)
    return quantiles(waits), float(np.median(ratios))


def _step_histories(
    jobs: pa.Table, steps: pa.Table, job_of_step: Integers, is_setup: Flags
) -> dict[str, list[StepHistory]]:
    succeeded = is_one_of(steps, "result", Result.SUCCESS)
    numbers, told = codes(steps, "job_id", "step")
    members = dict(groups(numbers))
    good = {number: places[succeeded[places]] for number, places in members.items()}
    times = time_profiles(steps, factor_codes(jobs, steps, job_of_step), good)
    usage, names = UsageColumns(steps), steps["step_name"]
    outcomes = _outcomes(steps)
    legs, job_s = codes(steps, "job_name")[0], floats(jobs, "duration_s")
    job_s = np.where(is_one_of(jobs, "result", Result.SUCCESS), job_s, np.nan)
    found: dict[str, list[StepHistory]] = {}
    for number, places in members.items():
        job_id, step = told[number]
        of_jobs = places[(outcomes[places] >= 0) & ~np.isnan(job_s[job_of_step[places]])]
        found.setdefault(job_id, []).append(
            StepHistory(
                job_id=job_id,
                step=step,
                name=names[int(places[-1])].as_py(),
                runs=len(places),
                failures=len(places) - len(good[number]),
                time=times.get(number),
                use=usage.use(good[number], places),
                is_setup=bool(is_setup[places[-1]]),
                cache=cache_split(levelled_s(job_s[job_of_step[of_jobs]], legs[of_jobs]), outcomes[of_jobs]),
            )
        )
    return found


def _outcomes(steps: pa.Table) -> Integers:
    """Place of each step's outcome in `OUTCOMES`, negative where it has none."""
    found = np.full(steps.num_rows, -1, dtype=np.int64)
    for place, outcome in enumerate(OUTCOMES):
        found[is_one_of(steps, "cache_outcome", outcome)] = place
    return found
