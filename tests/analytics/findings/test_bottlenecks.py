from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from makespan_analytics.findings.finding import Confidence, Finding, FindingKind
from makespan_analytics.pipeline_report import pipeline_findings
from makespan_model.records import JobRun
from support.pipeline_histories import build_and_test, history
from support.pipeline_runs import job, step


def bottlenecks(count: int, jobs: object = build_and_test) -> list[Finding]:
    assert callable(jobs)
    return [one for one in pipeline_findings(history(count, jobs)) if one.kind is FindingKind.BOTTLENECK]


def measured(finding: Finding) -> dict[str, float]:
    return {one.name: one.value for one in finding.evidence}


def test_the_step_that_holds_the_pipeline_up_most_comes_first_with_what_a_quarter_less_saves() -> None:
    first = bottlenecks(30)[0]
    assert (first.subject.job_id, first.subject.step_path) == ("test", "pytest")
    assert first.effect.makespan_s == pytest.approx(15, rel=0.03)
    low_s, saved_s, high_s = first.effect.low_s, first.effect.makespan_s, first.effect.high_s
    assert low_s is not None
    assert saved_s is not None
    assert high_s is not None
    assert low_s < saved_s < high_s
    assert first.confidence is Confidence.HIGH
    assert measured(first)["part of the makespan"] == pytest.approx(60 / 87, rel=0.03)


def test_a_short_step_is_no_bottleneck() -> None:
    assert {one.subject.step_path for one in bottlenecks(30)} == {"pytest", "compile"}


def test_two_runs_are_too_few_to_blame_anyone_and_five_to_be_sure() -> None:
    assert bottlenecks(2) == []
    assert {one.confidence for one in bottlenecks(5)} == {Confidence.LOW}


def test_the_id_stays_when_runs_are_added() -> None:
    assert [one.finding_id for one in bottlenecks(20)] == [one.finding_id for one in bottlenecks(47)]


def chain(names: Sequence[str], shared: str) -> object:
    def jobs(number: int, chance: random.Random) -> list[JobRun]:
        del number
        made, at_s = [], 0.0
        for place, name in enumerate(names):
            took_s = chance.uniform(29, 31)
            made.append(
                job(
                    name,
                    at_s,
                    at_s + took_s,
                    step(shared, at_s, at_s + took_s, cpu_s=1.0),
                    needs=names[place - 1 : place] if place else (),
                )
            )
            at_s += took_s
        return made

    return jobs


def test_one_step_in_many_jobs_is_one_finding_with_what_all_of_them_save() -> None:
    (found,) = bottlenecks(20, chain(["a", "b", "c"], "fetch the data"))
    assert found.subject.job_id is None
    assert found.effect.makespan_s == pytest.approx(0.25 * 90, rel=0.03)
    assert "'fetch the data' in 3 jobs" in found.advice


def test_a_step_that_uses_no_cpu_is_said_to_wait() -> None:
    (found,) = bottlenecks(20, chain(["a"], "fetch"))
    assert "what 'fetch' waits for" in found.advice


def test_time_outside_of_steps_is_one_finding_for_all_jobs() -> None:
    def slow_to_start(number: int, chance: random.Random) -> list[JobRun]:
        del number
        late_s = chance.uniform(38, 42)
        return [
            job("a", 0, late_s + 2, step("x", late_s, late_s + 2), needs=()),
            job("b", late_s + 2, 2 * late_s + 4, step("y", 2 * late_s + 2, 2 * late_s + 4), needs=("a",)),
        ]

    (found,) = bottlenecks(20, slow_to_start)
    assert (found.subject.key, found.subject.name) == ("overhead", "runner overhead")
    assert found.effect.makespan_s == pytest.approx(20, rel=0.05)
