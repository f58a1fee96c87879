from __future__ import annotations

import random
from dataclasses import replace

import pytest

from makespan_analytics.findings.finding import Confidence, Finding, FindingKind
from makespan_analytics.pipeline_report import pipeline_findings
from makespan_model.records import JobRun
from support.pipeline_histories import Jobs, history
from support.pipeline_runs import job, step


def growing(per_run_s: float, *, beside_s: float = 0.0) -> Jobs:
    """Tests that take a little longer with every run, beside a job that may take longer than they do."""

    def jobs(number: int, chance: random.Random) -> list[JobRun]:
        test_s = (60 + per_run_s * number) * chance.uniform(0.97, 1.03)
        made = [job("test", 0, test_s, step("pytest", 0, test_s), needs=())]
        if beside_s:
            long_s = beside_s * chance.uniform(0.97, 1.03)
            made.append(job("build", 0, long_s, step("compile", 0, long_s), needs=()))
        return [replace(item, runner_labels=("ubuntu-latest",)) for item in made]

    return jobs


def drifts(jobs: Jobs) -> list[Finding]:
    return [one for one in pipeline_findings(history(120, jobs)) if one.kind is FindingKind.DRIFT]


def test_a_slope_is_one_finding_with_what_it_grew_by() -> None:
    (found,) = drifts(growing(0.25))
    assert found.subject.name == "whole pipeline"
    assert found.effect.makespan_s == pytest.approx(30, rel=0.1)
    numbers = {one.name: one.value for one in found.evidence}
    assert numbers["more every week"] == pytest.approx(0.25 * 21, rel=0.1)
    assert "no one change is to blame" in found.advice
    assert found.confidence is Confidence.HIGH


def test_a_job_that_nobody_waits_for_drifts_without_costing_time() -> None:
    (found,) = drifts(growing(0.25, beside_s=200))
    assert found.subject.job_id == "test"
    assert found.effect.makespan_s == pytest.approx(0)
    assert found.effect.usd_per_month == pytest.approx(30 * 0.0001 * 91, rel=0.15)


def test_what_stays_or_gets_faster_is_no_finding() -> None:
    assert drifts(growing(0)) == []
    assert drifts(growing(-0.25)) == []
