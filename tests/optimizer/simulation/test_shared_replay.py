from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_optimizer.simulation.draws import JobState
from makespan_optimizer.simulation.shape import ConcurrencyGroup, JobShape, PipelineShape
from makespan_optimizer.simulation.shared_replay import play_shared
from support.simulated_draws import any_draws, draws, pipeline, pipelines

SUCCESS, FAILURE, CANCELLED, SKIPPED = JobState
ON_LINUX = JobShape("a", "a", labels=("linux",))


def legs(count: int, **facts: object) -> list[JobShape]:
    return [JobShape(f"a ({leg})", "a", labels=("linux",), **facts) for leg in range(count)]  # type: ignore[arg-type]


def test_jobs_get_runners_in_the_order_in_which_they_became_ready() -> None:
    shape = pipeline(
        *(JobShape(name, name, labels=("linux",)) for name in "abc"), JobShape("d", "d", ("a",), labels=("linux",))
    )
    played = play_shared(shape, draws([[5, 2, 4, 1]]), runners={"linux": 1})
    assert played.start_s[0].tolist() == [0, 5, 7, 11]  # `d` asks at 5 s, when `b` and `c` have long been waiting.
    assert played.wait_s[0].tolist() == [0, 5, 7, 6]
    assert played.makespan_s.tolist() == [12]


def test_a_runner_is_held_while_it_starts_up() -> None:
    shape = pipeline(*legs(2))
    played = play_shared(shape, draws([[5, 5]], startup_s=np.full((1, 2), 3.0)), runners={"linux": 1})
    assert played.start_s[0].tolist() == [3, 11]
    assert played.wait_s[0].tolist() == [0, 8]
    assert played.held_s[0].tolist() == [8, 8]


def test_a_job_for_another_label_waits_for_nobody() -> None:
    shape = pipeline(*legs(2), JobShape("w", "w", labels=("windows",)))
    played = play_shared(shape, draws([[5, 5, 4]], delay_s=np.full((1, 3), 2.0)), runners={"linux": 1})
    assert played.start_s[0].tolist() == [0, 5, 2]


def test_no_more_legs_run_at_once_than_the_matrix_allows() -> None:
    played = play_shared(pipeline(*legs(4, max_parallel=2)), draws([[4, 6, 3, 1]]))
    assert played.start_s[0].tolist() == [0, 0, 4, 6]


def test_legs_that_wait_for_others_are_cancelled_with_them() -> None:
    shape = pipeline(*legs(3, max_parallel=1, fail_fast=True))
    played = play_shared(shape, draws([[4, 6, 3]], fails=[[True, False, False]]))
    assert played.state.tolist() == [[FAILURE, CANCELLED, CANCELLED]]
    assert played.makespan_s.tolist() == [4]
    assert played.attempt_s[0, 0].tolist() == [4, 0, 0]


def test_a_cancelled_leg_gives_its_runner_to_whoever_waits() -> None:
    shape = pipeline(*legs(2, fail_fast=True), JobShape("z", "z", labels=("linux",)))
    played = play_shared(shape, draws([[4, 9, 1]], fails=[[True, False, False]]), runners={"linux": 2})
    assert played.state.tolist() == [[FAILURE, CANCELLED, SUCCESS]]
    assert played.start_s[0, 2] == 4
    assert played.held_s[0].tolist() == [4, 4, 1]


@pytest.mark.parametrize(
    ("group", "states", "ends_s"),
    [
        (ConcurrencyGroup("deploy", keeps_one_pending=False), [SUCCESS, SUCCESS, SUCCESS], [5, 10, 15]),
        (ConcurrencyGroup("deploy"), [SUCCESS, CANCELLED, SUCCESS], [5, 0, 10]),
        (ConcurrencyGroup("deploy", cancels=True), [CANCELLED, CANCELLED, SUCCESS], [0, 0, 5]),
    ],
)
def test_jobs_of_a_group_run_one_at_a_time(
    group: ConcurrencyGroup, states: list[JobState], ends_s: list[float]
) -> None:
    shape = pipeline(*(JobShape(name, name, group=group) for name in "abc"))
    played = play_shared(shape, draws([[5, 5, 5]]))
    assert played.state[0].tolist() == states
    assert played.end_s[0].tolist() == ends_s


def test_runs_of_one_group_follow_each_other_and_the_last_to_wait_stays() -> None:
    shape = pipeline(ON_LINUX, group=ConcurrencyGroup("deploy"))
    played = play_shared(shape, draws([[10]] * 4), arrivals_s=np.array([0.0, 1.0, 2.0, 30.0]))
    assert played.discarded.tolist() == [False, True, False, False]
    assert played.makespan_s[[0, 2, 3]].tolist() == [10, 18, 10]  # The third waits from 2 s to 10 s.


def test_a_newer_run_cancels_the_one_under_way() -> None:
    shape = pipeline(ON_LINUX, JobShape("b", "b", ("a",)), group=ConcurrencyGroup("ci", cancels=True))
    played = play_shared(shape, draws([[10, 5], [10, 5]]), runners={"linux": 1}, arrivals_s=np.array([0.0, 4.0]))
    assert played.discarded.tolist() == [True, False]
    assert played.attempt_s[0].tolist() == [[4, 0], [10, 5]]
    assert played.makespan_s[1] == 15  # It has the runner at once.


def test_runs_share_the_runners_and_groups_of_jobs() -> None:
    shape = pipeline(JobShape("a", "a", group=ConcurrencyGroup("deploy", keeps_one_pending=False)))
    played = play_shared(shape, draws([[10], [10], [10]]), arrivals_s=np.array([0.0, 5.0, 6.0]))
    assert played.makespan_s.tolist() == [10, 15, 24]


def test_a_chain_of_skipped_jobs_may_be_longer_than_the_stack_is_deep() -> None:
    count = 3000
    jobs = [JobShape(f"j{n}", f"j{n}", (f"j{n - 1}",) if n else ()) for n in range(count)]
    played = play_shared(pipeline(*jobs), draws([[1.0] * count], fails=[[True] + [False] * (count - 1)]))
    assert played.state[0].tolist() == [FAILURE] + [SKIPPED] * (count - 1)


@given(pipelines(), st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_few_runners_never_run_more_jobs_at_once_nor_lose_work(shape: PipelineShape, seed: int, runners: int) -> None:
    drawn = any_draws(shape, seed)
    played = play_shared(shape, drawn, runners={"linux": runners}, arrivals_s=np.array([0.0, 1.0, 1.0, 5.0]))
    busy: list[tuple[float, int]] = []
    for run, arrival_s in enumerate(played.arrival_s):
        for job in range(len(shape.jobs)):
            if played.attempt_s[0, run, job] > 0:
                begin_s = arrival_s + played.start_s[run, job]
                busy += [(begin_s, 1), (begin_s + played.attempt_s[0, run, job], -1)]
    running = 0
    for _, change in sorted(busy):
        running += change
        assert running <= runners
    ended = played.state <= FAILURE
    # Whoever came to an end ran for all of its drawn attempts, and for no other.
    for run, job in zip(*np.nonzero(ended), strict=True):
        tried = int(np.count_nonzero(played.attempt_s[:, run, job]))
        assert played.attempt_s[:tried, run, job].tolist() == drawn.duration_s[:tried, run, job].tolist()
        assert played.state[run, job] == (FAILURE if drawn.fails[tried - 1, run, job] else SUCCESS)
    assert np.all(played.held_s >= played.attempt_s.sum(axis=0) - 1e-9)


def test_a_pool_needs_a_runner_and_arrivals_an_order() -> None:
    with pytest.raises(ValueError, match="at least one runner"):
        play_shared(pipeline(ON_LINUX), draws([[1]]), runners={"linux": 0})
    with pytest.raises(ValueError, match="ascending"):
        play_shared(pipeline(ON_LINUX), draws([[1], [1]]), arrivals_s=np.array([1.0, 0.0]))
