from __future__ import annotations

import random
from dataclasses import replace

import pytest

from makespan_analytics.findings.finding import Confidence, Finding, FindingKind
from makespan_analytics.pipeline_report import analyze_one
from makespan_model.evidence import TestOutcome, TestRun
from makespan_model.identity import step_span_id
from makespan_model.records import JobRun, PipelineRun, Result
from support.pipeline_histories import Jobs, history
from support.pipeline_runs import job, step


def failing_every(nth: int, *, jobs: tuple[str, ...] = ("test",)) -> Jobs:
    def made(number: int, chance: random.Random) -> list[JobRun]:
        del chance
        result = Result.FAILURE if number % nth == nth - 1 else Result.SUCCESS
        return [
            replace(
                job(name, 0, 30, step("pytest", 0, 30, result=result), needs=(), result=result),
                runner_labels=("ubuntu-latest",),
            )
            for name in jobs
        ]

    return made


def flaky(runs: list[PipelineRun], tests: list[TestRun] | None = None) -> list[Finding]:
    return [one for one in analyze_one(runs, tests=tests).findings if one.kind is FindingKind.FLAKINESS]


def test_failures_beside_successes_of_the_same_commit_are_a_finding_with_what_they_cost() -> None:
    (found,) = flaky(history(60, failing_every(10), commits_of=2))
    numbers = {one.name: one for one in found.evidence}
    assert numbers["failures without a cause"].value == 6
    assert numbers["failures without a cause"].run_ids == ("19", "29", "39", "49", "59")
    assert found.effect.makespan_s == pytest.approx(6 / 60 * 30)
    assert found.effect.usd_per_month == pytest.approx(6 / 60 * 0.006 * 60 * 7 / (59 / 3) * 4.348, rel=0.01)
    assert found.confidence is Confidence.HIGH


def test_failures_that_the_code_may_explain_are_none() -> None:
    assert flaky(history(60, failing_every(10), commits_of=1)) == []


def test_one_commit_with_both_outcomes_may_be_an_accident() -> None:
    assert flaky(history(12, failing_every(10), commits_of=2)) == []


def test_a_step_of_one_name_in_two_jobs_is_one_finding() -> None:
    (found,) = flaky(history(60, failing_every(10, jobs=("a", "b")), commits_of=2))
    assert found.subject.job_id is None


def test_a_flaky_test_stands_for_the_step_that_it_fails() -> None:
    runs = history(60, failing_every(10), commits_of=2)
    tests = [
        TestRun(
            trace_id=run.identity.trace_id,
            step_span_id=step_span_id(run.identity.trace_id, "test", "pytest"),
            suite="unit",
            class_name="",
            name="test_clock",
            outcome=TestOutcome.PASSED if run.result is Result.SUCCESS else TestOutcome.FAILED,
            duration_s=1.0,
        )
        for run in runs
    ]
    (found,) = flaky(runs, tests)
    assert (found.subject.key, found.subject.name) == ("test", "unit::test_clock")


def test_what_has_not_failed_for_long_is_taken_to_be_mended() -> None:
    def mended(number: int, chance: random.Random) -> list[JobRun]:
        return list(failing_every(10 if number < 50 else 10_000)(number, chance))

    assert len(flaky(history(60, mended, commits_of=2))) == 1
    assert flaky(history(140, mended, commits_of=2)) == []
