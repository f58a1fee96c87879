"""The replay keeps the laws of scheduling, and gives what a person computes by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_optimizer.prediction.replay import PredictedJob, replay
from makespan_optimizer.prediction.step_costs import JobCost
from support.job_costs import critical_path_s, job, job_graphs, serial_s

RUNNERS = st.integers(1, 5)
CORES = st.none() | st.floats(0.5, 8)


def _makespan_s(jobs: list[JobCost], *, runners: int, cores: float | None = None) -> float:
    return max((item.end_s for item in replay(jobs, runners=runners, cores=cores)), default=0.0)


def _times(jobs: list[JobCost], *, runners: int, cores: float | None = None) -> dict[str, tuple[float, float]]:
    return {
        item.job_id: (round(item.start_s, 6), round(item.end_s, 6))
        for item in replay(jobs, runners=runners, cores=cores)
    }


def test_jobs_run_side_by_side_and_wait_for_their_own_needs_only() -> None:
    jobs = [job("a", (10, 0)), job("b", (2, 0)), job("c", (3, 0), needs=["b"]), job("d", (1, 0), needs=["a", "c"])]
    assert _times(jobs, runners=4) == {"b": (0, 2), "c": (2, 5), "a": (0, 10), "d": (10, 11)}


def test_the_job_that_waits_longest_gets_the_free_runner_whatever_its_place_in_the_file() -> None:
    jobs = [job("a", (4, 0)), job("late", (1, 0), needs=["a"]), job("early", (2, 0))]
    assert _times(jobs, runners=1) == {"a": (0, 4), "early": (4, 6), "late": (6, 7)}


def test_overhead_comes_before_the_first_step_of_every_leg() -> None:
    jobs = [job("a", (2, 0), legs=3, overhead_s=1)]
    assert _makespan_s(jobs, runners=2) == pytest.approx(6)
    assert _makespan_s(jobs, runners=3) == pytest.approx(3)


def test_two_computing_steps_on_one_core_take_twice_as_long() -> None:
    jobs = [job("a", (4, 4)), job("b", (4, 4))]
    assert _times(jobs, runners=2, cores=1) == {"a": (0, 8), "b": (0, 8)}


def test_only_the_time_in_which_steps_overlap_is_stretched() -> None:
    # Both compute until a is done at 4 s; then b has the core for its last 4 of 6 CPU seconds.
    jobs = [job("a", (2, 2)), job("b", (6, 6))]
    assert _times(jobs, runners=2, cores=1) == {"a": (0, 4), "b": (0, 8)}


def test_a_waiting_step_takes_no_cpu_from_a_computing_one() -> None:
    jobs = [job("download", (5, 0)), job("compile", (5, 5))]
    assert _times(jobs, runners=2, cores=1) == {"download": (0, 5), "compile": (0, 5)}


def test_half_computing_steps_share_a_core_until_it_is_full() -> None:
    # Four legs, each half waiting: 2 CPU seconds a second wanted, 1 to be had. With c = 3 each uses
    # 0.5 / (0.5 + 0.5 * 3) = 0.25 cores and takes twice as long.
    jobs = [job("a", (4, 2), legs=4)]
    assert _makespan_s(jobs, runners=4, cores=1) == pytest.approx(8)


def test_a_step_on_more_cores_than_there_are_takes_longer_by_the_ratio() -> None:
    assert _makespan_s([job("a", (3, 12))], runners=1, cores=2) == pytest.approx(6)


def test_a_job_that_never_ran_takes_nothing_but_passes_on_its_needs() -> None:
    jobs = [job("a", (5, 0)), job("skipped", needs=["a"], legs=0), job("after", (1, 0), needs=["skipped"])]
    assert _times(jobs, runners=1) == {"a": (0, 5), "after": (5, 6)}


def test_needs_are_found_whatever_their_case() -> None:
    jobs = [job("Build", (1, 0)), job("test", (1, 0), needs=["build"])]
    assert _makespan_s(jobs, runners=2) == pytest.approx(2)


def test_no_jobs_take_no_time() -> None:
    assert replay([], runners=1, cores=None) == ()


def test_a_job_without_steps_or_overhead_takes_no_time() -> None:
    assert replay([job("a")], runners=1, cores=None) == (PredictedJob("a", 0.0, 0.0),)


@pytest.mark.parametrize(
    ("jobs", "runners", "cores", "said"),
    [
        ([job("a")], 0, None, "at least one runner"),
        ([job("a")], 1, 0.0, "more than 0.0 cores"),
        ([job("a", needs=["gone"])], 1, None, "can never start: a"),
        ([job("a", needs=["b"]), job("b", needs=["a"]), job("c")], 1, None, "can never start: a, b"),
    ],
)
def test_what_cannot_be_replayed_is_refused(jobs: list[JobCost], runners: int, cores: float | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replay(jobs, runners=runners, cores=cores)


@given(job_graphs(), RUNNERS, CORES)
def test_nothing_is_faster_than_its_critical_path_its_work_or_its_cpu(
    jobs: list[JobCost], runners: int, cores: float | None
) -> None:
    makespan_s = _makespan_s(jobs, runners=runners, cores=cores)
    work_s = sum(serial_s(item) * item.legs for item in jobs)
    assert makespan_s >= critical_path_s(jobs) - 1e-6
    assert makespan_s >= work_s / runners - 1e-6
    if cores is not None:
        cpu_s = sum(step.cpu_s * item.legs for item in jobs for step in item.steps if step.wall_s > 1e-6)
        assert makespan_s >= cpu_s / cores - 1e-4


@given(job_graphs(max_cores_a_step=1.0))
def test_one_runner_takes_the_sum_of_everything(jobs: list[JobCost]) -> None:
    work_s = sum(serial_s(item) * item.legs for item in jobs)
    assert _makespan_s(jobs, runners=1, cores=1) == pytest.approx(work_s, abs=1e-6)


@given(job_graphs())
def test_with_a_runner_and_cpus_for_everything_the_critical_path_is_all(jobs: list[JobCost]) -> None:
    assert _makespan_s(jobs, runners=100) == pytest.approx(critical_path_s(jobs), abs=1e-6)


@given(job_graphs(), st.floats(0.5, 8))
def test_cpus_of_their_own_are_never_slower_than_shared_ones(jobs: list[JobCost], cores: float) -> None:
    # With a runner for every leg: with fewer, any list schedule may get longer when steps get shorter
    # (R. L. Graham, Bounds on Multiprocessing Timing Anomalies, 1969).
    assert _makespan_s(jobs, runners=100) <= _makespan_s(jobs, runners=100, cores=cores) + 1e-6


@given(job_graphs(), RUNNERS, CORES)
def test_every_leg_runs_once_after_its_needs_on_a_free_runner(
    jobs: list[JobCost], runners: int, cores: float | None
) -> None:
    replayed = replay(jobs, runners=runners, cores=cores)

    by_id = {item.job_id: item for item in jobs}
    assert sorted(item.job_id for item in replayed) == sorted(item.job_id for item in jobs for _ in range(item.legs))
    for item in replayed:
        ends = [other.end_s for other in replayed if other.job_id in by_id[item.job_id].needs]
        assert item.start_s >= max(ends, default=0.0)
        assert item.end_s - item.start_s >= serial_s(by_id[item.job_id]) - 1e-6
        running = [other for other in replayed if other.start_s <= item.start_s < other.end_s]
        assert len(running) <= runners


@given(job_graphs(), RUNNERS, CORES)
def test_the_same_question_has_the_same_answer(jobs: list[JobCost], runners: int, cores: float | None) -> None:
    assert replay(jobs, runners=runners, cores=cores) == replay(jobs, runners=runners, cores=cores)
