from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.profiles import profile_pipeline
from makespan_analytics.profiles.history_profile import JobHistory, profile_history_of
from makespan_analytics.profiles.resource_class import ResourceClass
from makespan_analytics.profiles.trend import TrendKind
from makespan_analytics.profiles.variance_split import Factor
from makespan_model.records import CacheOutcome, JobRun, PipelineRun, Result, RunState, StepKind, StepRun, Usage
from support.pipeline_runs import SECOND, graph_runs, job, run, step

_HOUR_NS = 3_600 * SECOND


def _moved(one: PipelineRun, number: int, commit: str | None = None) -> PipelineRun:
    """The same run some hours later, under another id."""
    by_ns = number * 5 * _HOUR_NS

    def step_moved(item: StepRun) -> StepRun:
        return replace(item, start_ns=item.start_ns + by_ns, end_ns=item.end_ns + by_ns)

    def job_moved(item: JobRun) -> JobRun:
        return replace(
            item,
            start_ns=item.start_ns + by_ns,
            end_ns=item.end_ns + by_ns,
            queued_ns=None if item.queued_ns is None else item.queued_ns + by_ns,
            steps=tuple(step_moved(one) for one in item.steps),
        )

    return replace(
        one,
        identity=replace(one.identity, run_id=f"{number:04}"),
        start_ns=one.start_ns + by_ns,
        end_ns=one.end_ns + by_ns,
        jobs=tuple(job_moved(item) for item in one.jobs),
        commit=commit,
    )


def _only(runs: Sequence[PipelineRun]) -> JobHistory:
    (found,) = profile_history_of(runs)
    return found


@given(st.lists(graph_runs(), min_size=1, max_size=6))
def test_counts_and_medians_are_those_of_the_profile_from_records(graphs: list[PipelineRun]) -> None:
    runs = [_moved(one, number) for number, one in enumerate(graphs)]
    records = {item.job_id: item for item in profile_pipeline(runs).jobs}
    found = {item.job_id: item for item in profile_history_of(runs)}
    assert found.keys() == records.keys()
    for job_id, item in found.items():
        assert (item.runs, item.failures) == (records[job_id].runs, records[job_id].failures)
        steps = {one.path: one for one in records[job_id].steps}
        assert {one.step for one in item.steps} == steps.keys()
        for one in item.steps:
            assert one.time is not None
            assert one.runs == steps[one.step].runs
            expected = median(max(seconds, 1e-3) for seconds in steps[one.step].durations_s)
            assert one.time.quantiles_s[1].value == pytest.approx(expected)


def test_set_up_ends_where_the_first_step_that_does_the_work_begins() -> None:
    checkout = replace(step("#0", 1, 3), name="Run actions/checkout@v4", kind=StepKind.USES)
    install = replace(step("#1", 3, 8), name="pip install -e .")
    late = replace(step("#3", 18, 19), name="npm ci")
    found = _only([run(job("a", 0, 20, checkout, install, step("#2", 8, 18), late, queued_s=-5))])
    assert found.setup is not None
    assert (found.setup.setup_s, found.setup.ratio, found.setup.runs) == (8, 0.4, 1)
    assert [one.is_setup for one in found.steps] == [True, True, False, True]
    assert found.queue_ratio == 0.2


@given(st.lists(graph_runs(), min_size=1, max_size=4), st.sets(st.sampled_from(["s0", "s1", "s2"])))
def test_set_up_is_what_a_walk_through_each_job_finds(graphs: list[PipelineRun], setup: set[str]) -> None:
    runs = [
        _moved(_named(one, {path: "npm ci" if path in setup else path for path in ("s0", "s1", "s2")}), number)
        for number, one in enumerate(graphs)
    ]
    shares: dict[str, list[float]] = {}
    for one in runs:
        for item in one.jobs:
            if item.result is Result.SUCCESS:
                work = [step.start_ns for step in item.steps if step.path not in setup]
                if work:
                    shares.setdefault(item.job_id, []).append(
                        (min(work) - item.start_ns) / (item.end_ns - item.start_ns)
                    )
    found = {item.job_id: item.setup for item in profile_history_of(runs)}
    for job_id, share in found.items():
        assert (share is None) == (job_id not in shares)
        if share is not None:
            assert share.ratio == pytest.approx(median(shares[job_id]))
            assert share.runs == len(shares[job_id])


def _named(one: PipelineRun, names: dict[str, str]) -> PipelineRun:
    jobs = (
        replace(item, steps=tuple(replace(step, name=names[step.path]) for step in item.steps)) for item in one.jobs
    )
    return replace(one, jobs=tuple(jobs))


def test_a_job_of_nothing_but_set_up_has_no_set_up_share() -> None:
    assert _only([run(job("a", 0, 9, replace(step("#0", 0, 9), name="pip install x")))]).setup is None


def test_machines_that_are_slower_are_found_apart_from_legs() -> None:
    runs, randomness = [], random.Random(3)
    for number in range(60):
        slow = randomness.randrange(2)
        worker = f"w{slow}"
        seconds = 20.0 + 4 * slow + randomness.uniform(-0.3, 0.3)
        legs = [
            replace(
                job(f"t ({leg})", 0, seconds * leg, step("x", 0, seconds * leg), job_id="t"),
                worker=worker,
            )
            for leg in (1, 5)
        ]
        runs.append(_moved(run(*legs), number, commit=f"c{number // 4}"))
    found = _only(runs)
    for time in (found.time, found.steps[0].time):
        assert time is not None
        assert time.variance is not None
        largest = time.variance.shares[0]
        assert largest.factor is Factor.WORKER
        assert largest.alone_ratio > 0.9
        assert time.variance.spread_ratio < 0.2  # A leg that takes five times as long is no spread.


def test_a_step_that_grows_little_by_little_drifts() -> None:
    runs = [
        _moved(run(job("a", 0, 60 + number / 2, step("x", 0, 60 + number / 2 + number % 5))), number)
        for number in range(80)
    ]
    time = _only(runs).steps[0].time
    assert time is not None
    assert time.trend is not None
    assert time.trend.kind is TrendKind.DRIFT
    assert time.trend.per_week == pytest.approx(0.5 * 168 / 5, rel=0.05)


def test_use_is_told_from_what_was_offered_and_kills_from_failed_runs_too() -> None:
    usage = Usage(
        cpu_user_s=30, cpu_system_s=2, host_cpus=8, cpu_limit_cores=4.0, io_read_bytes=50, memory_peak_bytes=3
    )
    busy = replace(step("x", 0, 10), usage=usage)
    (one,) = _only([run(job("a", 0, 10, busy))]).steps
    assert (one.use.cores, one.use.parallel_efficiency, one.use.io_bytes_per_s) == (3.2, 0.8, 5.0)
    assert (one.use.memory_ratio, one.use.kind) == (None, ResourceClass.CPU)

    killed = replace(busy, result=Result.FAILURE, usage=replace(usage, oom_kills=1))
    (one,) = _only([run(job("a", 0, 10, busy)), _moved(run(job("a", 0, 10, killed)), 1)]).steps
    assert (one.runs, one.failures, one.use.oom_runs, one.use.kind) == (2, 1, 1, ResourceClass.MEMORY)


def test_times_are_split_by_what_a_cache_step_found() -> None:
    runs = []
    for number in range(30):
        outcome = CacheOutcome.MISS if number % 3 == 0 else CacheOutcome.HIT
        seconds = (50 if outcome is CacheOutcome.MISS else 20) + number % 5
        restore = replace(step("cache", 0, 1), cache_outcome=outcome)
        runs.append(_moved(run(job("a", 0, seconds, restore, step("build", 1, seconds))), number))
    restoring, building = _only(runs).steps
    assert building.cache is None
    assert restoring.cache is not None
    assert [(one.outcome, one.runs) for one in restoring.cache.times] == [
        (CacheOutcome.HIT, 20),
        (CacheOutcome.MISS, 10),
    ]
    assert restoring.cache.miss_s is not None
    assert restoring.cache.miss_s.value == pytest.approx(30, abs=1)
    assert restoring.cache.partial_s is None


def test_jobs_under_way_and_what_never_succeeded_have_no_time() -> None:
    running = replace(job("a", 0, 5, step("x", 0, 5)), state=RunState.EXECUTING)
    assert profile_history_of([run(running)]) == ()
    failed = _only([run(job("a", 0, 5, step("x", 0, 5, result=Result.FAILURE), result=Result.FAILURE))])
    assert (failed.time, failed.steps[0].time, failed.failures, failed.queue_s) == (None, None, 1, ())
    assert profile_history_of([]) == ()
