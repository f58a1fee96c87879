from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.cost.pipeline_costs import run_costs
from makespan_analytics.cost.waste import WasteKind, find_waste
from makespan_model.records import PipelineRun, Result, StepKind, StepRun, Usage
from support.pipeline_runs import messy_runs, step
from support.priced_runs import linux, of_provider, on

MINUTE_USD = 0.006


def waste(*runs: PipelineRun) -> dict[WasteKind, float]:
    return {found.kind: found.usd for found in find_waste(run_costs(runs, {}))}


def setup(name: str, start_s: float, end_s: float, kind: StepKind = StepKind.USES) -> StepRun:
    return replace(step(name, start_s, end_s), kind=kind)


def test_failed_cancelled_and_repeated_attempts_are_told_apart() -> None:
    found = waste(
        of_provider(linux("a", 0, 60, result=Result.FAILURE), linux("b", 0, 120), run_id="1"),
        of_provider(linux("a", 0, 180, result=Result.CANCELLATION), run_id="2"),
        of_provider(linux("a", 0, 240), run_id="1", attempt=2),
    )
    assert found == {
        WasteKind.RERUN: pytest.approx(4 * MINUTE_USD),
        WasteKind.CANCELLED: pytest.approx(3 * MINUTE_USD),
        WasteKind.FAILED: pytest.approx(MINUTE_USD),
    }


def test_what_runs_on_after_a_newer_commit_of_the_pull_request_is_superseded() -> None:
    facts: dict[str, Any] = {"event": "pull_request", "change": "7"}
    older = of_provider(linux("a", 0, 120), run_id="1", commit="old", **facts)
    newer = of_provider(linux("a", 0, 120), run_id="2", commit="new", after_s=60, **facts)
    assert waste(older, newer) == {WasteKind.SUPERSEDED: pytest.approx(MINUTE_USD)}
    assert waste(older, replace(newer, change="8")) == {}
    assert waste(older, replace(newer, commit="old")) == {}


def test_every_commit_of_a_branch_may_be_meant_to_be_checked() -> None:
    older = of_provider(linux("a", 0, 120), run_id="1", ref="main", event="push", commit="old")
    newer = of_provider(linux("a", 0, 120), run_id="2", ref="main", event="push", commit="new", after_s=60)
    assert waste(older, newer) == {}


def test_set_up_done_in_several_jobs_is_wasted_but_once() -> None:
    run = of_provider(
        linux("a", 0, 60, setup("Run actions/checkout@v5", 0, 30), step("work", 30, 60)),
        linux("b", 0, 60, setup("Run actions/checkout@v5", 0, 20), step("work", 20, 60)),
        linux("c", 0, 60, setup("npm ci", 0, 20, StepKind.RUN), setup("Run octo/thing@v1", 20, 60)),
    )
    assert waste(run) == {WasteKind.REPEATED_SETUP: pytest.approx(MINUTE_USD * 20 / 60)}


def test_cores_paid_for_and_not_used_are_idle() -> None:
    busy = replace(step("work", 0, 60), usage=Usage(cpu_user_s=30.0, host_cpus=2))
    assert waste(of_provider(linux("a", 0, 60, busy))) == {WasteKind.IDLE_CPU: pytest.approx(0.75 * MINUTE_USD)}


def test_what_was_not_measured_is_not_called_idle() -> None:
    measured = replace(step("work", 0, 30), usage=Usage(cpu_user_s=60.0, host_cpus=2))
    assert waste(of_provider(linux("a", 0, 60, measured, step("unmeasured", 30, 60)))) == {}
    assert waste(of_provider(linux("a", 0, 60, step("unmeasured", 0, 60)))) == {}


def test_unpriced_jobs_waste_no_known_money() -> None:
    assert waste(of_provider(on(None, linux("a", 0, 60, result=Result.FAILURE)))) == {}


def test_the_runs_with_most_of_it_are_named() -> None:
    runs = [
        of_provider(linux("a", 0, 60 * number, result=Result.FAILURE), run_id=str(number)) for number in range(1, 8)
    ]
    (found,) = find_waste(run_costs(runs, {}))
    assert found.run_ids == ("7", "6", "5", "4", "3")
    assert (found.jobs, found.share_ratio) == (7, 1.0)


@given(st.lists(messy_runs(), min_size=1, max_size=6))
def test_no_more_is_wasted_than_was_paid(runs: list[PipelineRun]) -> None:
    priced = [
        replace(
            run,
            jobs=tuple(on("ubuntu-latest", job) for job in run.jobs),
            identity=replace(run.identity, provider="github", run_id=str(number)),
            change="1",
            commit=str(number),
        )
        for number, run in enumerate(runs)
    ]
    costs = run_costs(priced, {})
    found = find_waste(costs)
    assert all(one.usd > 0 for one in found)
    assert sum(one.usd for one in found) <= sum(cost.usd for cost in costs) + 1e-9
