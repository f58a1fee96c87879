from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from makespan_model.errors import InputError
from makespan_model.identity import RunIdentity
from makespan_model.records import PipelineRun, Result
from makespan_optimizer.simulation.draws import Draws
from makespan_optimizer.simulation.observations import observe
from makespan_optimizer.simulation.resampling import draw_runs, unknown_jobs
from makespan_optimizer.simulation.shape import JobShape, PipelineShape, StartsWhen
from support.pipeline_runs import job, run
from support.simulated_draws import pipeline

SIDE_BY_SIDE = pipeline(JobShape("a", "a"), JobShape("b", "b"))


def slow_together(count: int) -> list[PipelineRun]:
    """Every third run is twice as slow in both jobs, and fails in `b`."""
    runs = []
    for number in range(count):
        slow = 2 if number % 3 == 0 else 1
        result = Result.FAILURE if slow == 2 else Result.SUCCESS
        runs.append(run(job("a", 0, 10 * slow, needs=()), job("b", 1, 1 + 20 * slow, needs=(), result=result)))
    return runs


def drawn(shape: PipelineShape, runs: list[PipelineRun], count: int = 4000, seed: int = 1, **assumed: float) -> Draws:
    return draw_runs(shape, observe(shape, runs), count, seed, assumed_s=assumed, startup_s={})


def test_jobs_that_are_slow_together_stay_so() -> None:
    draws = drawn(SIDE_BY_SIDE, slow_together(30))
    pairs = set(zip(draws.duration_s[0, :, 0], draws.duration_s[0, :, 1], strict=True))
    assert pairs == {(10.0, 20.0), (20.0, 40.0)}
    assert np.array_equal(draws.fails[0, :, 1], draws.duration_s[0, :, 0] == 20)
    assert draws.fails[0, :, 1].mean() == pytest.approx(1 / 3, abs=0.03)


def test_few_runs_do_not_tell_what_is_slow_together() -> None:
    draws = drawn(SIDE_BY_SIDE, slow_together(6))
    assert len(set(zip(draws.duration_s[0, :, 0], draws.duration_s[0, :, 1], strict=True))) == 4


def test_what_a_run_does_not_tell_comes_from_runs_that_do() -> None:
    runs = [run(job("a", 0, 10, needs=())) if number % 2 else slow_together(1)[0] for number in range(20)]
    draws = drawn(SIDE_BY_SIDE, runs)
    assert set(draws.duration_s[0, :, 1]) == {40.0}
    assert draws.delay_s[:, 1].tolist() == [1.0] * draws.count


def test_a_condition_holds_as_often_as_it_did() -> None:
    shape = pipeline(JobShape("a", "a"), JobShape("b", "b", ("a",), conditional=True))
    runs = [
        run(job("a", 0, 5), job("b", 5, 9, needs=("a",), result=Result.SUCCESS if number % 4 else Result.SKIP))
        for number in range(40)
    ]
    assert drawn(shape, runs).runs[:, 1].mean() == pytest.approx(0.75, abs=0.03)


def test_an_assumed_job_takes_exactly_that_and_never_fails() -> None:
    draws = drawn(SIDE_BY_SIDE, slow_together(30), b=7.5)
    assert set(draws.duration_s[0, :, 1]) == {7.5}
    assert not draws.fails[0, :, 1].any()
    assert set(draws.duration_s[0, :, 0]) == {10.0, 20.0}


def test_an_assumption_moves_no_other_job() -> None:
    without, with_ = drawn(SIDE_BY_SIDE, slow_together(30)), drawn(SIDE_BY_SIDE, slow_together(30), b=7.5)
    assert np.array_equal(without.duration_s[0, :, 0], with_.duration_s[0, :, 0])


def test_a_job_meets_the_same_chance_in_another_pipeline() -> None:
    longer = pipeline(JobShape("c", "c"), JobShape("b", "b"), JobShape("a", "a", ("b",)))
    one = drawn(SIDE_BY_SIDE, slow_together(30))
    other = drawn(longer, slow_together(30), c=1.0)
    assert np.array_equal(one.duration_s[0, :, 0], other.duration_s[0, :, 2])


def test_the_seed_decides_everything() -> None:
    one, same, other = (drawn(SIDE_BY_SIDE, slow_together(30), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.duration_s, same.duration_s)
    assert not np.array_equal(one.duration_s, other.duration_s)


def test_a_job_of_which_nothing_is_known_is_refused_by_name() -> None:
    shape = pipeline(JobShape("a", "a"), JobShape("new", "new"))
    assert unknown_jobs(shape, observe(shape, slow_together(3)), {}) == ["new"]
    with pytest.raises(InputError, match=r"ci\.yml: no recorded run tells how long these jobs take: new"):
        drawn(shape, slow_together(3))


def test_a_job_that_never_ran_in_any_run_does_not_run() -> None:
    shape = pipeline(JobShape("a", "a"), JobShape("deploy", "deploy", conditional=True))
    assert not drawn(shape, slow_together(12)).runs[:, 1].any()
    assert drawn(shape, slow_together(12), deploy=3.0).runs[:, 1].all()


def test_what_needs_a_job_that_never_ran_needs_no_duration() -> None:
    shape = pipeline(
        JobShape("a", "a"), JobShape("tag", "tag", conditional=True), JobShape("ship", "ship", ("a", "tag"))
    )
    runs = [
        run(job("a", 0, 5, needs=()), job("tag", 0, 0, result=Result.SKIP), job("ship", 5, 5, result=Result.SKIP))
    ] * 12
    assert unknown_jobs(shape, observe(shape, runs), {}) == []
    assert not drawn(shape, runs).runs[:, 1:].any()
    assert unknown_jobs(shape, observe(shape, runs), {"tag": 1.0}) == ["ship"]
    assert drawn(shape, runs, tag=1.0, ship=2.0).runs.all()


def test_a_job_for_failures_that_were_never_seen_needs_no_duration() -> None:
    shape = pipeline(
        JobShape("a", "a"), JobShape("alarm", "alarm", ("a",), starts_when=StartsWhen.FAILURE, conditional=True)
    )
    runs = [run(job("a", 0, 5, needs=()))] * 12
    assert unknown_jobs(shape, observe(shape, runs), {}) == []
    failing = run(job("a", 0, 5, needs=(), result=Result.FAILURE), job("alarm", 5, 8, needs=("a",)))
    assert drawn(shape, [*runs, failing]).runs[:, 1].all()


def test_a_job_the_file_turns_off_never_runs_whatever_is_assumed() -> None:
    shape = pipeline(JobShape("a", "a"), JobShape("b", "b", never_runs=True))
    assert not drawn(shape, slow_together(12), b=3.0).runs[:, 1].any()


def test_a_timeout_cuts_what_is_drawn() -> None:
    shape = pipeline(JobShape("a", "a", timeout_s=15.0))
    draws = drawn(shape, slow_together(30))
    assert set(draws.duration_s[0, :, 0]) == {10.0, 15.0}
    assert np.array_equal(draws.fails[0, :, 0], draws.duration_s[0, :, 0] == 15)


def test_delays_nobody_recorded_are_those_of_jobs_for_the_same_runner() -> None:
    shape = pipeline(
        JobShape("a", "a", labels=("x",)), JobShape("b", "b", labels=("x",)), JobShape("c", "c", labels=("y",))
    )
    runs = [run(job("a", 4, 9, needs=())) for _ in range(3)]
    draws = drawn(shape, runs, b=1.0, c=1.0)
    assert set(draws.delay_s[:, 1]) == {4.0}
    assert set(draws.delay_s[:, 2]) == {0.0}


def test_a_retry_fails_as_often_as_recorded_ones_and_always_where_none_was() -> None:
    shape = pipeline(JobShape("a", "a", retries=2))

    def failing(number: int, *, again: bool) -> PipelineRun:
        result = Result.FAILURE if number % 4 == 0 else Result.SUCCESS
        second = job("a (retry 1)", 10, 20, job_id="a", needs=(), result=result)
        first = job("a", 0, 10, needs=(), result=Result.FAILURE)
        return run(first, second) if again else run(first)

    draws = drawn(shape, [failing(number, again=True) for number in range(40)])
    assert draws.fails[0].all()
    assert draws.fails[1, :, 0].mean() == pytest.approx(0.25, abs=0.03)
    assert drawn(shape, [failing(number, again=False) for number in range(40)]).fails.all()


def test_cancelled_runs_and_second_attempts_fill_in_but_lead_no_simulated_run() -> None:
    whole = [run(job("a", 0, 10, needs=()), job("b", 0, 20, needs=())) for _ in range(12)]
    cancelled = replace(run(job("a", 0, 30, needs=())), result=Result.CANCELLATION)
    again = replace(cancelled, result=Result.SUCCESS, identity=RunIdentity("plain", "octo/app", "1", attempt=2))
    draws = drawn(SIDE_BY_SIDE, [*whole, cancelled, again])
    assert set(draws.duration_s[0, :, 0]) == {10.0}
    shape = pipeline(JobShape("a", "a"), JobShape("c", "c"))
    only_cancelled = replace(run(job("c", 0, 7, needs=())), result=Result.CANCELLATION)
    assert set(drawn(shape, [*whole, only_cancelled]).duration_s[0, :, 1]) == {7.0}


def test_a_second_attempt_without_a_conditional_job_does_not_tell_that_it_was_kept_back() -> None:
    shape = pipeline(JobShape("a", "a"), JobShape("b", "b", ("a",), conditional=True))
    whole = [run(job("a", 0, 5), job("b", 5, 9, needs=("a",))) for _ in range(12)]
    again = replace(run(job("a", 0, 5)), identity=RunIdentity("plain", "octo/app", "1", attempt=2))
    assert drawn(shape, [*whole, *[again] * 12]).runs[:, 1].all()
