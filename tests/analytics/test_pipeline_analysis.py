from __future__ import annotations

import pytest

from makespan_analytics.pipeline_analysis import analyze_pipeline, comparable_runs
from makespan_model.records import PipelineRun, Result
from support.pipeline_runs import job, run, step


def typical(scale: float = 1.0, run_id: str = "1", result: Result = Result.SUCCESS) -> PipelineRun:
    return run(
        job("lint", 0, 2 * scale, step("ruff", 0, 2 * scale, cpu_s=1.0), needs=()),
        job("test", 1, 1 + 6 * scale, step("pytest", 1, 1 + 6 * scale, cpu_s=12.0 * scale), needs=()),
        run_id=run_id,
        result=result,
    )


def test_steps_are_ranked_by_what_the_pipeline_waits_for() -> None:
    analysis = analyze_pipeline([typical(1, "1"), typical(2, "2"), typical(3, "3")])
    assert (analysis.runs, analysis.makespan_s, analysis.fastest_s, analysis.slowest_s) == (3, 13.0, 7.0, 19.0)
    assert (analysis.execution_s, analysis.waiting_s, analysis.latest.run_id) == (12.0, 1.0, "3")
    pytest_, ruff = analysis.steps
    assert (pytest_.profile.name, pytest_.slack_s, pytest_.cores_used) == ("pytest", 0.0, 2.0)
    assert pytest_.share is not None
    assert pytest_.share.runs_on_path == 3
    assert (ruff.profile.name, ruff.share, ruff.slack_s) == ("ruff", None, 8.0)


def test_failed_runs_are_left_out_while_there_are_successful_ones() -> None:
    analysis = analyze_pipeline([typical(1), typical(0.1, result=Result.FAILURE)])
    assert (analysis.runs, analysis.runs_left_out, analysis.makespan_s) == (1, 1, 7.0)


def test_where_nothing_succeeded_the_failures_are_analysed() -> None:
    failed = [typical(1, result=Result.FAILURE), typical(2, result=Result.CANCELLATION)]
    assert comparable_runs(failed) == failed
    assert analyze_pipeline(failed).runs == 2


def test_a_step_that_took_no_time_has_no_cores() -> None:
    analysis = analyze_pipeline([run(job("a", 0, 1, step("x", 1, 1, cpu_s=0.0)))])
    assert analysis.steps[0].cores_used is None


def test_the_slack_of_a_matrix_job_is_that_of_its_tightest_leg() -> None:
    legs = (job("t (1)", 0, 5, step("x", 0, 5), job_id="t"), job("t (2)", 0, 2, step("x", 0, 2), job_id="t"))
    assert analyze_pipeline([run(*legs)]).steps[0].slack_s == 0.0


def test_no_runs_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        analyze_pipeline([])
