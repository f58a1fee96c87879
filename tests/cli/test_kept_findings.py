from __future__ import annotations

from pathlib import Path

import pytest

from makespan_analytics.pipeline_report import analyze_one
from makespan_cli.kept_findings import keep_findings
from support.pipeline_histories import build_and_test, history


def test_of_a_server_they_are_kept_beside_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = analyze_one(history(30, build_and_test))
    kept = keep_findings("influxdb://127.0.0.1:8086/ci", report, {})
    assert [one.finding for one in kept] == list(report.findings)
    assert len(list((tmp_path / ".makespan" / "findings").iterdir())) == 1


def test_an_analysis_that_finds_the_same_again_writes_nothing(tmp_path: Path) -> None:
    report = analyze_one(history(30, build_and_test))
    first = keep_findings(str(tmp_path), report, {})
    (path,) = (tmp_path / "findings").iterdir()
    written = path.stat().st_mtime_ns
    assert keep_findings(str(tmp_path), report, {}) == first
    assert path.stat().st_mtime_ns == written
