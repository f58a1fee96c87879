from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_optimizer.simulation.draws import JobState, within_timeouts
from makespan_optimizer.simulation.shape import ConcurrencyGroup, JobShape, PipelineShape, StartsWhen
from makespan_optimizer.simulation.shared_replay import play_shared
from makespan_optimizer.simulation.unlimited_replay import play_unlimited
from support.simulated_draws import any_draws, draws, pipeline, pipelines

SUCCESS, FAILURE, CANCELLED, SKIPPED = JobState
FIELDS = ("state", "ready_s", "start_s", "end_s", "attempt_s", "held_s", "makespan_s")


@given(pipelines(), st.integers(0, 2**32 - 1))
def test_all_runs_at_once_give_what_the_event_loop_gives_run_by_run(shape: PipelineShape, seed: int) -> None:
    drawn = any_draws(shape, seed)
    at_once, by_events = play_unlimited(shape, drawn), play_shared(shape, drawn)
    for name in FIELDS:
        np.testing.assert_allclose(getattr(at_once, name), getattr(by_events, name), err_msg=name, atol=1e-9)


def test_a_chain_takes_the_sum_and_a_fan_the_longest() -> None:
    shape = pipeline(
        JobShape("a", "a"), JobShape("b", "b", ("a",)), JobShape("c", "c", ("a",)), JobShape("d", "d", ("b", "c"))
    )
    played = play_unlimited(shape, draws([[3, 5, 9, 2], [1, 7, 2, 1]]))
    assert played.makespan_s.tolist() == [14, 9]
    assert played.start_s[0].tolist() == [0, 3, 3, 12]


def test_what_follows_a_failed_job_is_skipped_and_takes_no_time() -> None:
    shape = pipeline(JobShape("a", "a"), JobShape("b", "b", ("a",)), JobShape("c", "c", ("b",)))
    played = play_unlimited(shape, draws([[3, 5, 9]], fails=[[True, False, False]]))
    assert played.state.tolist() == [[FAILURE, SKIPPED, SKIPPED]]
    assert played.makespan_s.tolist() == [3]


def test_a_tolerated_failure_holds_nothing_up() -> None:
    shape = pipeline(JobShape("a", "a", failure_tolerated=True), JobShape("b", "b", ("a",)))
    played = play_unlimited(shape, draws([[3, 5]], fails=[[True, False]]))
    assert played.state.tolist() == [[FAILURE, SUCCESS]]


@pytest.mark.parametrize(("sees_ancestors", "expected"), [(True, SKIPPED), (False, SUCCESS)])
def test_a_skip_reaches_past_a_job_that_always_runs_on_github_only(sees_ancestors: bool, expected: JobState) -> None:
    shape = pipeline(
        JobShape("a", "a"),
        JobShape("b", "b", ("a",), starts_when=StartsWhen.ALWAYS),
        JobShape("c", "c", ("b",)),
        sees_ancestors=sees_ancestors,
    )
    played = play_unlimited(shape, draws([[3, 5, 2]], runs=[[False, True, True]]))
    assert played.state.tolist() == [[SKIPPED, SUCCESS, expected]]


def test_a_job_that_waits_for_a_failure_runs_only_after_one() -> None:
    shape = pipeline(JobShape("a", "a"), JobShape("b", "b", ("a",), starts_when=StartsWhen.FAILURE))
    played = play_unlimited(shape, draws([[3, 5], [3, 5]], fails=[[True, False], [False, False]]))
    assert played.state.tolist() == [[FAILURE, SUCCESS], [SUCCESS, SKIPPED]]


def test_fail_fast_cancels_the_legs_that_are_still_running() -> None:
    shape = pipeline(*(JobShape(f"a ({leg})", "a", fail_fast=True) for leg in range(3)), JobShape("b", "b", ("a",)))
    played = play_unlimited(shape, draws([[2, 4, 9, 1]], fails=[[False, True, False, False]]))
    assert played.state.tolist() == [[SUCCESS, FAILURE, CANCELLED, SKIPPED]]
    assert played.makespan_s.tolist() == [4]
    assert played.attempt_s[0, 0].tolist() == [2, 4, 4, 0]


def test_without_fail_fast_every_leg_ends_by_itself() -> None:
    shape = pipeline(*(JobShape(f"a ({leg})", "a") for leg in range(3)))
    assert play_unlimited(shape, draws([[2, 4, 9]], fails=[[False, True, False]])).makespan_s.tolist() == [9]


def test_a_retry_runs_the_second_attempt_after_the_first() -> None:
    shape = pipeline(JobShape("a", "a", retries=1))
    drawn = any_draws(shape, 1, count=200)
    played = play_unlimited(shape, drawn)
    tried_twice = drawn.fails[0, :, 0] & drawn.runs[:, 0]
    assert tried_twice.any()
    both_s = drawn.delay_s[:, 0] * 2 + drawn.duration_s[0, :, 0] + drawn.duration_s[1, :, 0]
    assert np.array_equal(played.end_s[tried_twice, 0], both_s[tried_twice])
    assert np.array_equal(played.state[tried_twice, 0] == FAILURE, drawn.fails[1, tried_twice, 0])


def test_a_timeout_ends_a_job_as_failed() -> None:
    shape = pipeline(JobShape("a", "a", timeout_s=4), JobShape("b", "b", ("a",)))
    played = play_unlimited(shape, within_timeouts(shape, draws([[9, 1], [4, 1]])))
    assert played.state.tolist() == [[FAILURE, SKIPPED], [SUCCESS, SUCCESS]]
    assert played.makespan_s.tolist() == [4, 5]


def test_jobs_that_share_a_group_are_refused() -> None:
    shape = pipeline(JobShape("a", "a", group=ConcurrencyGroup("deploy")))
    with pytest.raises(ValueError, match="one by one"):
        play_unlimited(shape, draws([[1]]))
