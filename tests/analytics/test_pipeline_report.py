from __future__ import annotations

import pickle

import pytest

from makespan_analytics.findings.finding import FindingKind
from makespan_analytics.pipeline_report import analyze_one, pipeline_findings
from support.pipeline_histories import build_and_test, history


def test_a_report_goes_to_another_process_and_comes_back_equal() -> None:
    runs = history(30, build_and_test)
    report = analyze_one(runs)
    assert pickle.loads(pickle.dumps(report)) == report
    assert analyze_one(runs) == report


def test_a_report_says_how_much_of_the_history_it_is_of() -> None:
    report = analyze_one(history(43, build_and_test))
    assert (report.repository, report.pipeline, report.runs) == ("octo/app", "ci", 43)
    assert report.analysis.runs == 20
    assert len(report.makespans_s) == 43
    assert report.runs_per_week == pytest.approx(43 / 2)


def test_a_history_of_an_hour_is_not_taken_for_the_pace_of_a_month() -> None:
    assert analyze_one(history(6, build_and_test, every_s=600)).runs_per_week == 6


def test_the_findings_alone_are_those_of_the_report() -> None:
    runs = history(30, build_and_test)
    found = pipeline_findings(runs)
    assert found == analyze_one(runs).findings
    assert FindingKind.BOTTLENECK in {one.kind for one in found}


def test_no_runs_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        analyze_one([])
