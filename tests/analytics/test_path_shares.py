from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.critical_path import critical_path
from makespan_analytics.path_shares import path_shares
from makespan_model.records import PipelineRun
from support.pipeline_runs import graph_runs, job, run, step


def two_branches(fast_s: float, slow_s: float) -> PipelineRun:
    return run(job("a", 0, fast_s, step("x", 0, fast_s), needs=()), job("b", 0, slow_s, step("y", 0, slow_s), needs=()))


def test_a_step_is_blamed_for_the_runs_it_held_up() -> None:
    shares = path_shares([critical_path(two_branches(fast, slow)) for fast, slow in [(1, 4), (2, 6), (10, 3)]])
    assert [(share.job_id, share.name, share.runs_on_path, share.runs) for share in shares] == [
        ("a", "x", 1, 3),
        ("b", "y", 2, 3),
    ]
    a, b = shares
    assert (a.critical_s, a.share_ratio) == (10.0, 0.5)
    assert (b.critical_s, b.share_ratio) == (5.0, 0.5)
    assert a.mean_critical_s == pytest.approx(10 / 3)


def test_legs_of_a_matrix_and_visits_of_one_run_are_pooled() -> None:
    real_run = run(
        job("t (1)", 0, 2, step("x", 0, 2), job_id="t", needs=()),
        job("u (1)", 2, 5, step("x", 2, 3), step("z", 3, 4), step("x", 4, 5), job_id="t", needs=("t (1)",)),
    )
    shares = {share.step_path: share for share in path_shares([critical_path(real_run)])}
    assert (shares["x"].critical_s, shares["x"].runs_on_path) == (2.0, 1)


def test_no_runs_have_no_shares() -> None:
    assert path_shares([]) == ()


@given(st.lists(graph_runs(), min_size=1, max_size=4))
def test_shares_add_up_to_the_whole(runs: list[PipelineRun]) -> None:
    shares = path_shares([critical_path(real_run) for real_run in runs])
    if sum(real_run.makespan_s for real_run in runs) > 0:
        assert sum(share.share_ratio for share in shares) == pytest.approx(1)
        assert sum(share.mean_critical_s for share in shares) == pytest.approx(
            sum(real_run.makespan_s for real_run in runs) / len(runs)
        )
