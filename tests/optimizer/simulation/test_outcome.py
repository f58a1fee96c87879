from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_optimizer.simulation.billing import Tariff, costs_usd, tariffs
from makespan_optimizer.simulation.draws import JobState
from makespan_optimizer.simulation.outcome import critical_jobs, outcome
from makespan_optimizer.simulation.shape import JobShape, PipelineShape, StartsWhen
from makespan_optimizer.simulation.shared_replay import play_shared
from makespan_optimizer.simulation.unlimited_replay import play_unlimited
from support.simulated_draws import any_draws, draws, pipeline, pipelines

FREE = Tariff(None, 0.0, None, "no price")
DIAMOND = pipeline(
    JobShape("a", "a"), JobShape("b", "b", ("a",)), JobShape("c", "c", ("a",)), JobShape("d", "d", ("b", "c"))
)


def critical(
    shape: PipelineShape, rows: Sequence[Sequence[float]], runs: Sequence[Sequence[bool]] | None = None
) -> list[list[bool]]:
    found: list[list[bool]] = critical_jobs(shape, play_unlimited(shape, draws(rows, runs=runs))).tolist()
    return found


def test_the_longer_branch_is_critical() -> None:
    assert critical(DIAMOND, [[1, 5, 3, 1], [1, 2, 3, 1]]) == [[True, True, False, True], [True, False, True, True]]


def test_a_job_that_ends_after_the_last_one_of_the_graph_is_critical_alone() -> None:
    shape = pipeline(JobShape("a", "a"), JobShape("b", "b", ("a",)), JobShape("long", "long"))
    assert critical(shape, [[1, 1, 9]]) == [[False, False, True]]


def test_a_skipped_job_hands_the_path_on_and_is_not_on_it() -> None:
    shape = pipeline(
        JobShape("a", "a"), JobShape("b", "b", ("a",)), JobShape("c", "c", ("b",), starts_when=StartsWhen.ALWAYS)
    )
    assert critical(shape, [[3, 5, 1]], runs=[[True, False, True]]) == [[True, False, True]]


@given(pipelines(), st.integers(0, 2**32 - 1))
def test_without_delays_the_critical_jobs_add_up_to_the_makespan(shape: PipelineShape, seed: int) -> None:
    drawn = any_draws(shape, seed)
    drawn.delay_s[:] = 0
    drawn.tail_s[:] = 0
    played = play_unlimited(shape, drawn)
    on_path_s = np.where(critical_jobs(shape, played), played.attempt_s.sum(axis=0), 0.0).sum(axis=1)
    cancelled = (played.state == JobState.CANCELLED).any(axis=1)
    # A cancelled leg may end because another failed, which is not a need.
    np.testing.assert_allclose(on_path_s[~cancelled], played.makespan_s[~cancelled])


def test_every_attempt_is_rounded_up_by_itself() -> None:
    shape = pipeline(JobShape("a", "a", labels=("ubuntu-latest",), retries=1))
    drawn = any_draws(shape, 3, count=50)
    drawn.duration_s[:] = 61.0
    played = play_unlimited(shape, drawn)
    (tariff,) = tariffs(shape, [None], {})
    assert tariff.usd_per_s == pytest.approx(0.006 / 60)
    assert (tariff.rounding_s, tariff.price) == (60, "Linux 2-core")
    attempts = np.count_nonzero(played.attempt_s[:, :, 0], axis=0)
    assert set(attempts) == {0, 1, 2}
    assert costs_usd(played, [tariff])[:, 0] == pytest.approx(attempts * 2 * 0.006)


def test_ones_own_runners_are_billed_by_the_second() -> None:
    shape = pipeline(JobShape("a", "a", labels=("self-hosted", "big")))
    (tariff,) = tariffs(shape, [None], {"big": 3.6})
    assert costs_usd(play_unlimited(shape, draws([[10.0]])), [tariff]).tolist() == [[pytest.approx(0.01)]]


def test_what_has_no_price_is_said_and_costs_nothing() -> None:
    shape = pipeline(JobShape("a", "a", labels=("mystery",)), JobShape("b", "b", calls=True))
    found = tariffs(shape, [None, None], {})
    assert [one.usd_per_s for one in found] == [None, None]
    assert "mystery" in found[0].unpriced
    assert "calls another pipeline" in found[1].unpriced
    told = outcome(shape, play_unlimited(shape, draws([[1, 1]])), found, {})
    assert told.usd is None


def test_a_recorded_label_wins_over_the_files() -> None:
    shape = pipeline(JobShape("a", "a", labels=("mystery",)))
    assert tariffs(shape, [("ubuntu-latest",)], {})[0].price == "Linux 2-core"


def test_runs_that_fail_are_told_apart() -> None:
    shape = pipeline(JobShape("a", "a"), JobShape("b", "b", ("a",)), JobShape("c", "c", failure_tolerated=True))
    rows, fails = (
        [[2, 8, 1], [2, 8, 1], [2, 8, 1], [2, 8, 1]],
        [[False, False, True], [True, False, False]] + [[False] * 3] * 2,
    )
    told = outcome(shape, play_unlimited(shape, draws(rows, fails=fails)), [FREE] * 3, {})
    assert told.passed.value == 0.75
    assert told.makespan_s.p05.value < 10
    assert told.passed_makespan_s is not None
    assert told.passed_makespan_s.p05.value == 10
    first, second, _ = told.jobs
    assert (first.failed.value, second.ran.value) == (0.25, 0.75)


def test_a_pool_tells_how_busy_it_was_and_who_waited() -> None:
    shape = pipeline(JobShape("a", "a", labels=("x",)), JobShape("b", "b", labels=("x",)))
    played = play_shared(shape, draws([[6, 4]]), runners={"x": 1})
    (pool,) = outcome(shape, played, [FREE] * 2, {"x": 1}).pools
    assert pool.utilisation.value == 1
    assert pool.waited.value == 0.5
    assert pool.wait_s.mean.value == 3
    played = play_shared(shape, draws([[6, 4]]), runners={"x": 2})
    assert outcome(shape, played, [FREE] * 2, {"x": 2}).pools[0].utilisation.value == pytest.approx(10 / 12)
