from __future__ import annotations

import random
from dataclasses import replace

import pytest

from makespan_analytics.profiles.run_variance import FEWEST_OF_A_JOB, run_variance
from makespan_analytics.profiles.variance_split import Factor
from makespan_collector.store.series import job_series_of
from makespan_model.records import Result, RunState
from support.pipeline_runs import job, run


def test_commits_that_are_slow_in_all_jobs_are_told_though_each_job_ran_once_a_commit() -> None:
    randomness, runs = random.Random(2), []
    for number in range(40):
        slow = randomness.gauss(0, 0.2)
        jobs = [
            job(f"j{leg}", 0, 30 * (leg + 1) * 2.718 ** (slow + randomness.gauss(0, 0.1)), needs=[]) for leg in range(5)
        ]
        runs.append(replace(run(*jobs, run_id=f"{number:02}"), commit=f"c{number}"))
    found = run_variance(job_series_of(runs))
    assert found is not None
    share = next(one for one in found.shares if one.factor is Factor.COMMIT)
    assert (found.times, share.levels) == (200, 40)
    assert share.low_ratio < 0.8 < share.high_ratio  # 0.2² of 0.2² and 0.1²; jobs of other lengths are no spread.
    assert found.spread_ratio == pytest.approx((0.2**2 + 0.1**2) ** 0.5, rel=0.25)


def test_failures_jobs_under_way_and_rare_jobs_tell_nothing() -> None:
    usual = [run(job("a", 0, 30 + number % 3), run_id=str(number)) for number in range(30)]
    rare = [run(job("b", 0, 900 * (number + 1)), run_id=f"r{number}") for number in range(FEWEST_OF_A_JOB - 1)]
    failed = run(job("a", 0, 1, result=Result.FAILURE), run_id="f")
    running = run(replace(job("a", 0, 1), state=RunState.EXECUTING), run_id="x")
    found = run_variance(job_series_of([*usual, *rare, failed, running]))
    assert found is not None
    assert found == run_variance(job_series_of(usual))
    assert run_variance(job_series_of([*rare, failed, running])) is None
    assert run_variance(job_series_of([])) is None
