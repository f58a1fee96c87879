"""A step keeps the cost that was measured for what it does, wherever a rewrite has put it."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from makespan_analytics.profiles import JobProfile, PipelineProfile, StepProfile
from makespan_model.records import StepKind
from makespan_optimizer.prediction.estimates import StepEstimate
from makespan_optimizer.prediction.replay import predict
from makespan_optimizer.prediction.step_costs import JobCost, MeasuredSteps, StepCost
from makespan_optimizer.workflow.model import Workflow
from makespan_optimizer.workflow.reading import read_workflow


def _workflow(jobs: str) -> Workflow:
    return read_workflow("on: push\njobs:\n" + indent(dedent(jobs), "  "), file="ci.yml")


def _step(job_id: str, index: int, name: str, wall_s: float, cpu_s: float | None = None) -> StepProfile:
    return StepProfile(job_id, f"#{index}", name, index, StepKind.RUN, 1, 0, (wall_s,), cpu_s, None, None)


def _profile(*jobs: JobProfile, runs: int = 1) -> PipelineProfile:
    return PipelineProfile("ci", runs, 1.0, jobs)


def _job(job_id: str, *steps: tuple[str, float], runs: int = 1, overhead_s: float = 0.0) -> JobProfile:
    profiles = tuple(_step(job_id, index, name, wall_s, wall_s / 2) for index, (name, wall_s) in enumerate(steps))
    return JobProfile(job_id, runs, 0, 1.0, overhead_s, None, profiles)


def _costs(
    workflow: Workflow, measured_on: Workflow, profile: PipelineProfile, *estimates: StepEstimate, warm: bool = True
) -> dict[str, JobCost]:
    costs = MeasuredSteps(measured_on, profile).job_costs(workflow, estimates, "warm" if warm else "cold")
    return {cost.job_id: cost for cost in costs}


_TWO = """
    lint:
      runs-on: x
      steps: [{run: setup}, {run: lint}]
    test:
      needs: lint
      runs-on: x
      steps: [{run: setup}, {run: test}]
    """
_TWO_PROFILE = _profile(
    _job("lint", ("Run setup", 4), ("Run lint", 1), overhead_s=2),
    _job("test", ("Run setup", 6), ("Run test", 9), overhead_s=3),
)


def test_the_measured_workflow_costs_what_was_measured() -> None:
    workflow = _workflow(_TWO)
    costs = _costs(workflow, workflow, _TWO_PROFILE)
    assert costs["test"] == JobCost("test", ("lint",), 1, 3, (StepCost(6, 3), StepCost(9, 4.5)), ())
    assert predict(workflow, measured_on=workflow, profile=_TWO_PROFILE, runners=2).makespan_s == pytest.approx(25)


def test_a_moved_step_keeps_its_cost_and_its_jobs_own_measurement_wins() -> None:
    merged = _workflow("""
        test:
          runs-on: x
          steps: [{run: setup}, {run: lint}, {run: test}]
        """)
    cost = _costs(merged, _workflow(_TWO), _TWO_PROFILE)["test"]
    assert cost.steps == (StepCost(6, 3), StepCost(1, 0.5), StepCost(9, 4.5))
    assert cost.overhead_s == 3


def test_in_a_new_job_a_step_costs_the_median_of_where_it_was_measured() -> None:
    new = _workflow("checks: {runs-on: x, steps: [{run: setup}]}")
    cost = _costs(new, _workflow(_TWO), _TWO_PROFILE)["checks"]
    assert cost.steps == (StepCost(5, 2.5),)
    assert cost.overhead_s == 2.5


def test_a_repeated_step_costs_what_that_repetition_cost() -> None:
    workflow = _workflow("a: {runs-on: x, steps: [{run: install}, {run: t}, {run: install}]}")
    profile = _profile(_job("a", ("Run install", 8), ("Run t", 1), ("Run install", 2)))
    once = _workflow("a: {runs-on: x, steps: [{run: install}, {run: t}]}")
    assert [step.wall_s for step in _costs(workflow, workflow, profile)["a"].steps] == [8, 1, 2]
    assert [step.wall_s for step in _costs(once, workflow, profile)["a"].steps] == [8, 1]


def test_name_condition_and_position_do_not_change_what_a_step_costs() -> None:
    renamed = _workflow("""
        test:
          runs-on: x
          steps: [{run: test, name: Tests, if: always(), id: t}, {run: setup}]
        """)
    assert [step.wall_s for step in _costs(renamed, _workflow(_TWO), _TWO_PROFILE)["test"].steps] == [9, 6]


def test_a_changed_step_is_named_as_unmeasured_and_left_out() -> None:
    changed = _workflow("test: {runs-on: x, steps: [{run: setup}, {run: test --fast, name: Quick}]}")
    cost = _costs(changed, _workflow(_TWO), _TWO_PROFILE)["test"]
    assert cost.unmeasured == ("Quick",)
    prediction = predict(changed, measured_on=_workflow(_TWO), profile=_TWO_PROFILE, runners=1)
    assert prediction.unmeasured == ("test: Quick",)
    assert prediction.makespan_s == pytest.approx(3 + 6)


@pytest.mark.parametrize(("warm", "wall_s"), [(True, 1.0), (False, 7.0)])
def test_an_estimate_counts_for_its_step_cold_or_warm(warm: bool, wall_s: float) -> None:
    workflow = _workflow(_TWO)
    setup = workflow.jobs[1].steps[0]
    estimate = StepEstimate("test", setup.content_key, 7.0, 1.0, 3.0, 0.5, "as told")
    costs = _costs(workflow, workflow, _TWO_PROFILE, estimate, warm=warm)
    assert costs["test"].steps[0].wall_s == wall_s
    assert costs["lint"].steps[0].wall_s == 4


def test_a_matrix_has_as_many_legs_as_ran() -> None:
    workflow = _workflow("a: {runs-on: x, strategy: {matrix: {v: [1, 2, 3]}}, steps: [{run: t}]}")
    profile = _profile(_job("a", ("Run t", 2), runs=12), runs=4)
    assert _costs(workflow, workflow, profile)["a"].legs == 3
    prediction = predict(workflow, measured_on=workflow, profile=profile, runners=2)
    assert prediction.makespan_s == pytest.approx(4)
    assert prediction.cpu_s == pytest.approx(3)


def test_a_job_that_no_run_ran_costs_nothing_and_says_so() -> None:
    text = (
        _TWO
        + "deploy:\n      needs: test\n      if: github.ref == 'x'\n      runs-on: x\n      steps: [{run: setup}]\n"
    )
    workflow = _workflow(text)
    prediction = predict(workflow, measured_on=workflow, profile=_TWO_PROFILE, runners=2)
    assert prediction.makespan_s == pytest.approx(25)
    assert prediction.unmeasured == ("deploy: Run setup",)


def test_what_an_action_does_at_the_end_of_its_job_belongs_to_it() -> None:
    workflow = _workflow("a: {runs-on: x, steps: [{uses: actions/cache@v4, with: {path: p}}, {run: t}]}")
    profile = _profile(_job("a", ("Run actions/cache@v4", 1), ("Run t", 5), ("Post Run actions/cache@v4", 3)))
    assert [step.wall_s for step in _costs(workflow, workflow, profile)["a"].steps] == [1, 5, 3]

    without = _workflow("a: {runs-on: x, steps: [{run: t}]}")
    assert [step.wall_s for step in _costs(without, workflow, profile)["a"].steps] == [5]


@pytest.mark.parametrize("field", ["cold_s", "warm_s", "cold_cpu_s", "warm_cpu_s"])
def test_no_estimate_is_negative(field: str) -> None:
    figures = {"cold_s": 1.0, "warm_s": 1.0, "cold_cpu_s": 1.0, "warm_cpu_s": 1.0} | {field: -0.1}
    with pytest.raises(ValueError, match="negative estimate for 'a'"):
        StepEstimate(job_id="a", content_key="k", basis="", **figures)


def test_no_cost_is_negative() -> None:
    with pytest.raises(ValueError, match="negative cost"):
        StepCost(1, -1)
    with pytest.raises(ValueError, match="negative cost"):
        JobCost("a", (), 1, -1, (), ())
