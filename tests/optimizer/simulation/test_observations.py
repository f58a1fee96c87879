from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from makespan_model.records import JobRun, PipelineRun, Result, RunState
from makespan_optimizer.simulation.observations import Observations, observe
from makespan_optimizer.simulation.recorded_jobs import recorded_jobs, with_recorded_legs
from makespan_optimizer.simulation.shape import ConcurrencyGroup, JobShape, PipelineShape
from support.pipeline_runs import job, run
from support.simulated_draws import pipeline

AB = pipeline(JobShape("a", "a"), JobShape("b", "b", ("a",)))


def two_jobs(a_s: float, b_s: float, *, gap_s: float = 0.0, needs: tuple[str, ...] | None = ("a",)) -> PipelineRun:
    return run(job("a", 0, a_s), job("b", a_s + gap_s, a_s + gap_s + b_s, needs=needs))


def column(observations: Observations, number: int) -> list[float]:
    found: list[float] = observations.ratio[:, number].tolist()
    return found


def test_a_duration_is_a_ratio_to_the_level_of_its_time() -> None:
    # It took about 10 s for thirty runs and takes 30 s since; the variation of a tenth stayed.
    runs = [two_jobs((10 if n < 30 else 30) * (1 + 0.1 * ((n % 3) - 1)), 5) for n in range(60)]
    seen = observe(AB, runs)
    assert seen.level_s.tolist() == pytest.approx([30, 5])
    assert sorted(set(np.round(column(seen, 0), 6))) == pytest.approx([0.9, 1.0, 1.1])
    assert seen.counts == [60, 60]


def test_a_failure_has_a_duration_but_does_not_make_the_level() -> None:
    runs = [two_jobs(10, 5) for _ in range(6)]
    failing = replace(runs[0].jobs[0], result=Result.FAILURE, end_ns=runs[0].jobs[0].start_ns + 2_000_000_000)
    seen = observe(AB, [*runs, replace(runs[0], jobs=(failing,), result=Result.FAILURE)])
    assert seen.level_s[0] == 10
    assert column(seen, 0)[-1] == pytest.approx(0.2)
    assert seen.failed[-1, 0] == 1
    assert np.isnan(seen.ratio[-1, 1])


def test_what_was_cancelled_tells_no_duration() -> None:
    runs = [two_jobs(10, 5) for _ in range(3)]
    cut = replace(runs[0].jobs[0], result=Result.CANCELLATION)
    seen = observe(AB, [*runs, replace(runs[0], jobs=(cut,), result=Result.CANCELLATION)])
    assert np.isnan(seen.ratio[-1]).all()


def test_a_run_under_way_is_left_out() -> None:
    under_way = replace(two_jobs(10, 5), state=RunState.EXECUTING)
    assert len(observe(AB, [two_jobs(10, 5), under_way]).tail_s) == 1


def test_a_delay_counts_from_the_end_of_what_a_job_waited_for() -> None:
    assert observe(AB, [two_jobs(10, 5, gap_s=3)]).delay_s.tolist() == [[0, 3]]


def test_needs_nobody_recorded_are_those_of_the_file() -> None:
    assert observe(AB, [two_jobs(10, 5, gap_s=3, needs=None)]).delay_s.tolist() == [[0, 3]]


def test_needs_of_the_file_find_jobs_recorded_under_the_name_that_is_shown() -> None:
    shape = pipeline(JobShape("build", "build", aliases=("Build it",)), JobShape("b", "b", ("build",)))
    recorded = run(job("Build it", 0, 10), job("b", 13, 20))
    assert observe(shape, [recorded]).delay_s.tolist() == [[0, 3]]


def test_waiting_that_the_simulation_adds_itself_is_no_delay() -> None:
    legs = pipeline(*(JobShape(f"a ({n})", "a", max_parallel=1) for n in range(2)))
    recorded = run(job("a (0)", 2, 10, job_id="a", needs=()), job("a (1)", 12, 20, job_id="a", needs=()))
    assert observe(legs, [recorded]).delay_s.tolist() == [[2, 2]]
    grouped = pipeline(JobShape("a", "a", group=ConcurrencyGroup("g")))
    assert np.isnan(observe(grouped, [run(job("a", 500, 510))]).delay_s).all()


def skipped(name: str) -> JobRun:
    return job(name, 0, 0, result=Result.SKIP)


CONDITIONAL = pipeline(JobShape("a", "a"), JobShape("b", "b", ("a",), conditional=True))


def test_a_condition_is_blamed_only_when_the_needs_were_met() -> None:
    failed = run(job("a", 0, 5, result=Result.FAILURE), skipped("b"), result=Result.FAILURE)
    seen = observe(CONDITIONAL, [two_jobs(5, 5), run(job("a", 0, 5), skipped("b")), failed])
    np.testing.assert_array_equal(seen.let[:, 1], [1.0, 0.0, np.nan])


def test_a_job_the_file_did_not_have_yet_was_not_kept_back() -> None:
    only_a = run(job("a", 0, 5))
    seen = observe(CONDITIONAL, [only_a, two_jobs(5, 5), only_a])
    np.testing.assert_array_equal(seen.let[:, 1], [np.nan, 1.0, 0.0])


def test_a_conditional_job_that_no_run_has_was_kept_back_in_all() -> None:
    seen = observe(CONDITIONAL, [run(job("a", 0, 5))] * 3)
    assert seen.let[:, 1].tolist() == [0, 0, 0]


def test_an_unconditional_job_that_is_missing_tells_nothing() -> None:
    assert np.isnan(observe(AB, [run(job("a", 0, 5))]).let[:, 1]).all()


def test_legs_of_other_names_are_taken_in_their_order() -> None:
    shape = pipeline(JobShape("t (3.12)", "t"), JobShape("t (3.13)", "t"))
    recorded = run(job("t (3.11)", 0, 7, job_id="t"), job("t (3.12)", 0, 5, job_id="t"))
    found = recorded_jobs(shape, recorded)
    assert [one.name for one in found if one is not None] == ["t (3.12)", "t (3.11)"]


def test_legs_only_a_run_decides_are_those_of_the_newest_one() -> None:
    shape = PipelineShape("github", "ci.yml", (JobShape("t", "t"),), unexpanded=frozenset({"t"}))
    old = run(job("t (1)", 0, 5, job_id="t"))
    new = run(job("t (1)", 0, 5, job_id="t"), job("t (2)", 0, 5, job_id="t"))
    assert [leg.name for leg in with_recorded_legs(shape, [old, new]).jobs] == ["t (1)", "t (2)"]


def test_the_jobs_of_a_called_pipeline_are_one() -> None:
    shape = pipeline(JobShape("call", "call", calls=True))
    recorded = run(
        job("call / x", 1, 5, job_id="x"), job("call / y", 3, 9, job_id="y", result=Result.FAILURE), job("z", 0, 20)
    )
    (found,) = recorded_jobs(shape, recorded)
    assert found is not None
    assert (found.duration_s, found.result) == (8, Result.FAILURE)


def test_a_second_attempt_tells_whether_it_helped_and_when_the_job_ended() -> None:
    tried_twice = run(
        job("a", 0, 10, result=Result.FAILURE),
        job("a (retry 1)", 12, 20, job_id="a"),
        job("b", 23, 30),
    )
    seen = observe(AB, [tried_twice, two_jobs(10, 5)])
    np.testing.assert_array_equal(seen.failed_again[:, 0], [0.0, np.nan])
    assert seen.failed[:, 0].tolist() == [1, 0]
    assert seen.delay_s[0].tolist() == [0, 3]
    assert seen.counts == [2, 2]
