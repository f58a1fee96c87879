from __future__ import annotations

import random
from dataclasses import replace

import pytest

from makespan_analytics.findings.finding import Confidence, Finding, FindingKind
from makespan_analytics.pipeline_report import analyze_one, pipeline_findings
from makespan_model.identity import RunIdentity
from makespan_model.records import JobRun
from support.pipeline_histories import Jobs, history
from support.pipeline_runs import job, step


def slower_from(change: int, *, back_at: int = 10_000) -> Jobs:
    """Two jobs one after another; the tests of the second take 40 s instead of 20 s from a run on."""

    def jobs(number: int, chance: random.Random) -> list[JobRun]:
        test_s = (40 if change <= number < back_at else 20) * chance.uniform(0.98, 1.02)
        made = [
            job("build", 0, 10, step("compile", 0, 10), needs=()),
            job("test", 10, 10 + test_s, step("pytest", 10, 10 + test_s), needs=("build",)),
        ]
        return [replace(item, runner_labels=("ubuntu-latest",)) for item in made]

    return jobs


def regressions(count: int, jobs: Jobs) -> list[Finding]:
    return [one for one in pipeline_findings(history(count, jobs)) if one.kind is FindingKind.REGRESSION]


def test_one_cause_in_pipeline_job_and_step_is_one_finding_with_seconds_and_money() -> None:
    (found,) = regressions(50, slower_from(30))
    assert found.subject.name == "whole pipeline"
    assert found.effect.makespan_s == pytest.approx(20, rel=0.05)
    # 20 s more a run, at 0.006 USD a minute of which started minutes are paid: 3 runs a day.
    assert found.effect.usd_per_month == pytest.approx(20 * 0.006 / 40 * 91, rel=0.35)
    assert found.confidence is Confidence.HIGH
    assert f"{29:040x}"[:12] in found.advice
    assert "above all in 'test: pytest'" in found.advice


def test_it_begins_with_the_first_run_that_was_slow() -> None:
    runs = history(50, slower_from(30))
    (found,) = [one for one in pipeline_findings(runs) if one.kind is FindingKind.REGRESSION]
    assert found.first_seen_ns == runs[30].start_ns
    assert found.last_seen_ns == runs[-1].start_ns


def test_what_is_over_and_what_got_faster_are_no_findings() -> None:
    assert regressions(60, slower_from(20, back_at=40)) == []
    assert regressions(50, slower_from(0, back_at=25)) == []


def test_a_short_history_has_no_regressions() -> None:
    assert regressions(9, slower_from(5)) == []


def test_the_id_stays_while_the_slow_runs_go_on() -> None:
    assert {one.finding_id for count in (45, 50, 60) for one in regressions(count, slower_from(30))} == {
        regressions(50, slower_from(30))[0].finding_id
    }


def test_slow_work_on_other_branches_is_no_regression_and_does_not_hide_one() -> None:
    def mixed(slow_main: bool) -> list[Finding]:
        main, work = history(60, slower_from(30 if slow_main else 1_000)), history(60, slower_from(0))
        topic = [
            replace(run, identity=RunIdentity("github", "octo/app", f"t{number}"), ref="topic", event="pull_request")
            for number, run in enumerate(work)
        ]
        # The work begins after a while, between the runs of the default branch.
        runs = sorted([*main, *topic[20:]], key=lambda run: (run.start_ns, run.identity.run_id))
        return [one for one in pipeline_findings(runs) if one.kind is FindingKind.REGRESSION]

    assert mixed(slow_main=False) == []
    (found,) = mixed(slow_main=True)
    assert found.evidence[1].run_ids == ("30",)


def test_a_default_branch_with_few_runs_leaves_all_to_be_looked_at() -> None:
    runs = history(50, slower_from(30))
    topics = [replace(run, ref="main" if number < 5 else f"topic-{number}") for number, run in enumerate(runs)]
    assert analyze_one(topics).branch is None
    assert len([one for one in pipeline_findings(topics) if one.kind is FindingKind.REGRESSION]) == 1
    assert analyze_one(runs).branch == "main"
