from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.cost.pipeline_costs import (
    OUTSIDE_STEPS,
    UNKNOWN,
    cost_by,
    cost_by_job,
    cost_by_step,
    included_minutes_used,
    price_sources,
    run_costs,
    unpriced_reasons,
)
from makespan_model.records import PipelineRun
from support.pipeline_runs import job, messy_runs, step
from support.priced_runs import OWN_USD_PER_HOUR, linux, of_provider, on


def test_branches_are_summed_and_unpriced_jobs_told() -> None:
    runs = [
        of_provider(linux("test", 0, 60), run_id="1", ref="main"),
        of_provider(linux("test", 0, 120), on(None, job("lint", 0, 60)), run_id="2", ref="main"),
        of_provider(linux("test", 0, 60), run_id="3"),
    ]
    costs = run_costs(runs, {})
    main, unknown = cost_by(costs, lambda run: run.ref)
    assert (main.key, main.runs, main.jobs, main.unpriced_jobs) == ("main", 2, 3, 1)
    assert main.usd == pytest.approx(3 * 0.006)
    assert main.billed_s == 180
    assert unknown.key == UNKNOWN
    assert unknown.usd == pytest.approx(0.006)
    assert unpriced_reasons(costs) == {"nobody recorded which runner it asked for": 1}


def test_a_job_is_divided_among_its_steps_and_what_is_outside_of_them() -> None:
    run = of_provider(linux("test", 0, 100, step("a", 0, 30), step("b", 30, 90)))
    found = {one.step_path: one.usd for one in cost_by_step(run_costs([run], {}))}
    assert found == {
        "a": pytest.approx(0.012 * 30 / 120),
        "b": pytest.approx(0.012 * 60 / 120),
        OUTSIDE_STEPS: pytest.approx(0.012 * 30 / 120),
    }


def test_steps_side_by_side_cost_no_more_than_their_job() -> None:
    run = of_provider(linux("test", 0, 60, step("a", 0, 60), step("b", 0, 60)))
    found = {one.step_path: one.usd for one in cost_by_step(run_costs([run], {}))}
    assert found == {"a": pytest.approx(0.003), "b": pytest.approx(0.003), OUTSIDE_STEPS: pytest.approx(0)}


def test_matrix_legs_are_one_job() -> None:
    legs = [linux(f"test ({version})", 0, 60, job_id="test") for version in (11, 12)]
    (share,) = cost_by_job(run_costs([of_provider(*legs)], {}))
    assert (share.key, share.jobs, share.runs) == ("test", 2, 1)


@given(st.lists(messy_runs(), min_size=1, max_size=5), st.sampled_from(["ubuntu-latest", "ours", "unknown"]))
def test_every_division_adds_up_to_the_whole(runs: list[PipelineRun], label: str) -> None:
    priced = [
        replace(run, jobs=tuple(on(label, job) for job in run.jobs), identity=replace(run.identity, provider="github"))
        for run in runs
    ]
    costs = run_costs(priced, OWN_USD_PER_HOUR)
    total = pytest.approx(sum(cost.usd for cost in costs))
    assert sum(share.usd for share in cost_by(costs, lambda run: run.pipeline)) == total
    assert sum(share.usd for share in cost_by_job(costs)) == total
    assert sum(one.usd for one in cost_by_step(costs)) == total
    assert all(one.usd >= -1e-12 for one in cost_by_step(costs))


def test_included_minutes_weigh_systems_and_leave_own_runners_out() -> None:
    run = of_provider(linux("a", 0, 60), on("macos-latest", job("b", 0, 61)), on("ours", job("c", 0, 600)))
    costs = run_costs([run], OWN_USD_PER_HOUR)
    assert included_minutes_used(costs) == 1 + 2 * 10
    assert len(price_sources(costs)) == 1
    assert "as of 2026" in price_sources(costs)[0]
