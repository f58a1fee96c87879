from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from makespan_analytics.flakiness.outcomes import Subject, records_of_steps, records_of_tests
from makespan_analytics.flakiness.standings import Advice, flaky_standings
from makespan_model.evidence import TestOutcome, TestRun
from makespan_model.identity import step_span_id
from makespan_model.records import PipelineRun, Result
from support.pipeline_runs import job, run, step


def _run(run_id: str, commit: str | None, result: Result, *, leg: str = "test") -> PipelineRun:
    """One job of 10 s whose one step ends so."""
    measured = run(
        job(leg, 0, 10, step("pytest", 0, 8, result=result), job_id="test", result=result), run_id=run_id, result=result
    )
    return replace(measured, commit=commit)


def _runs(results: str, *, commits: int = 1) -> list[PipelineRun]:
    """`.` is a success and `F` a failure; neighbours share a commit."""
    outcomes = {".": Result.SUCCESS, "F": Result.FAILURE, "C": Result.CANCELLATION, "E": Result.ERROR}
    share = max(1, len(results) // commits)
    return [_run(str(n), f"c{n // share}", outcomes[word]) for n, word in enumerate(results)]


def _tests(runs: Sequence[PipelineRun], outcomes: Sequence[TestOutcome], *, retries: int = 0) -> list[TestRun]:
    return [
        TestRun(
            trace_id=one.identity.trace_id,
            step_span_id=step_span_id(one.identity.trace_id, "test", "pytest"),
            suite="unit",
            class_name="tests.test_a",
            name="test_one",
            outcome=outcome,
            retries=retries,
        )
        for one, outcome in zip(runs, outcomes, strict=True)
    ]


def test_a_step_that_failed_and_passed_on_one_commit_is_flaky_and_its_job_time_is_lost() -> None:
    (found,) = flaky_standings(records_of_steps(_runs("F.", commits=1)))

    assert found.subject == Subject("test", "pytest")
    assert (found.executions, found.groups, found.mixed_groups) == (2, 1, 1)
    assert [failure.run_id for failure in found.spurious] == ["0"]
    assert found.lost_s == 10
    assert found.advice is Advice.WATCH  # Two executions say too little.


def test_a_step_that_fails_on_some_commits_and_passes_on_others_is_not_flaky() -> None:
    assert flaky_standings(records_of_steps(_runs("F.F.", commits=4))) == ()


def test_errors_of_the_machine_and_cancellations_are_no_outcomes_of_the_step() -> None:
    assert flaky_standings(records_of_steps(_runs("E.C.", commits=1))) == ()


def test_runs_of_an_unknown_commit_are_left_out() -> None:
    runs = [_run("1", None, Result.FAILURE), _run("2", None, Result.SUCCESS)]

    assert records_of_steps(runs) == ()


def test_legs_of_a_matrix_are_not_equal_inputs() -> None:
    runs = [_run("1", "c", Result.FAILURE, leg="test (1)"), _run("2", "c", Result.SUCCESS, leg="test (2)")]

    (record,) = records_of_steps(runs)

    assert len(record.groups) == 2
    assert record.spurious == ()


def test_advice_grows_with_the_rate() -> None:
    often = flaky_standings(records_of_steps(_runs("F." * 40, commits=40)))
    sometimes = flaky_standings(records_of_steps(_runs(("F" + "." * 39) * 8, commits=8)))
    hardly = flaky_standings(records_of_steps(_runs("F" + "." * 999, commits=100)))

    assert [found[0].advice for found in (often, sometimes, hardly)] == [Advice.QUARANTINE, Advice.RETRY, Advice.WATCH]
    assert sometimes[0].with_one_retry < sometimes[0].flakiness.probability / 10


def test_the_costliest_comes_first() -> None:
    cheap = [replace(one, pipeline="ci") for one in _runs("F.", commits=1)]
    dear = [
        replace(
            run(job("slow", 0, 600, step("e2e", 0, 600, result=result), result=result), run_id=f"s{result}"), commit="c"
        )
        for result in (Result.FAILURE, Result.SUCCESS)
    ]

    found = flaky_standings(records_of_steps([*cheap, *dear]))

    assert [one.name for one in found] == ["e2e", "pytest"]


def test_a_test_that_failed_and_passed_on_one_commit_is_flaky() -> None:
    runs = _runs("F.", commits=1)

    (found,) = flaky_standings(records_of_tests(runs, _tests(runs, [TestOutcome.FAILED, TestOutcome.PASSED])))

    assert found.name == "unit::tests.test_a::test_one"
    assert found.mixed_groups == 1


def test_a_test_that_passed_after_a_retry_in_its_step_is_flaky_without_a_lost_job() -> None:
    runs = _runs(".", commits=1)

    (found,) = flaky_standings(records_of_tests(runs, _tests(runs, [TestOutcome.PASSED], retries=1)))

    assert (found.executions, found.retried, found.lost_s) == (2, 1, 0)


def test_tests_that_never_failed_and_tests_of_other_runs_are_left_out() -> None:
    runs = _runs("..", commits=1)
    passed = _tests(runs, [TestOutcome.PASSED, TestOutcome.SKIPPED])
    foreign = _tests(_runs("F.", commits=1), [TestOutcome.FAILED, TestOutcome.PASSED])

    assert records_of_tests(runs, passed) == ()
    assert records_of_tests([], foreign) == ()
