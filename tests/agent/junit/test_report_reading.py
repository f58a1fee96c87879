from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from makespan_agent.junit import report_reading
from makespan_agent.junit.report_reading import read_reports


def test_one_notice_names_the_first_fault_and_counts_the_rest(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<t><testcase name="kept"/>')
    (tmp_path / "b.xml").write_text("<t")
    (tmp_path / "c.xml").write_text('<t><testcase name="whole"/></t>')
    notices: list[str] = []

    read = read_reports(["*.xml"], str(tmp_path), start_ns=0, deadline_s=60, notices=notices)

    assert [case[2] for case in read.cases] == ["kept", "whole"]
    (notice,) = notices
    assert "a.xml:1:27: no element found (and 1 more)" in notice


def test_cases_beyond_the_limit_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_reading, "MAX_CASES", 10)
    (tmp_path / "a.xml").write_text("<t>" + "<testcase name='x'/>" * 25 + "</t>")

    read = read_reports(["*.xml"], str(tmp_path), start_ns=0, deadline_s=60, notices=[])

    assert (len(read.cases), read.cut) == (10, 15)


def test_a_million_cases_keep_within_the_limit(tmp_path: Path) -> None:
    with (tmp_path / "a.xml").open("w") as file:
        file.write("<t>")
        for _ in range(1000):
            file.write("<testcase name='x' time='1'/>" * 1000)
        file.write("</t>")

    read = read_reports(["*.xml"], str(tmp_path), start_ns=0, deadline_s=300, notices=[])

    assert (len(read.cases), read.cut) == (50_000, 950_000)


def test_the_text_kept_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_reading, "_MAX_TEXT", 1000)
    (tmp_path / "a.xml").write_text("<t>" + f"<testcase name='{'n' * 400}'/>" * 5 + "</t>")

    read = read_reports(["*.xml"], str(tmp_path), start_ns=0, deadline_s=60, notices=[])

    assert (len(read.cases), read.cut) == (2, 3)


def test_what_the_deadline_cuts_off_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<t>" + "<testcase name='x'/>" * 100_000 + "</t>")
    ticks = count()
    notices: list[str] = []

    read = read_reports(
        ["a.xml"], str(tmp_path), start_ns=0, deadline_s=5, notices=notices, clock=lambda: float(next(ticks))
    )

    assert 0 < len(read.cases) + read.cut < 100_000
    assert "the time for reading test reports was up" in notices[0]
