from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_agent.junit.report_parser import ReportError, read_report
from makespan_agent.junit.test_case import TestCase, seconds


def read(path: Path) -> list[TestCase]:
    cases: list[TestCase] = []
    read_report(str(path), cases.append, lambda: False)
    return cases


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.xml"


def outcomes(cases: list[TestCase]) -> list[tuple[str, str, int]]:
    return sorted((case.name, case.outcome, case.retries) for case in cases)


PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="5" time="0.05">
<testcase classname="tests.test_x" name="test_ok[a&lt;b]" time="0.001" />
<testcase classname="tests.test_x" name="test_bad" time="0.002"><failure message="assert 0">def ...</failure></testcase>
<testcase classname="tests.test_x" name="test_skip" time="0"><skipped type="pytest.skip">x</skipped></testcase>
<testcase classname="tests.test_x" name="test_both" time="0.003"><failure message="assert 0" /></testcase>
<testcase classname="tests.test_x" name="test_both" time="0.004"><error message="teardown" /></testcase>
</testsuite></testsuites>"""

SUREFIRE = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="com.acme.AppTest" time="1,234.567" tests="3">
  <properties><property name="java.version" value="17"/></properties>
  <testcase name="flaky" classname="com.acme.AppTest" time="1,234.5">
    <flakyFailure message="m" type="t"><stackTrace>..</stackTrace><system-out>o</system-out></flakyFailure>
    <flakyError type="t"><stackTrace>..</stackTrace></flakyError>
  </testcase>
  <testcase name="broken" classname="com.acme.AppTest" time="0.1">
    <failure message="m" type="t">..</failure>
    <rerunFailure message="m" type="t"><stackTrace>..</stackTrace></rerunFailure>
    <rerunFailure message="m" type="t"><stackTrace>..</stackTrace></rerunFailure>
  </testcase>
  <testcase name="npe" classname="com.acme.AppTest" time="0.1"><error type="NPE">..</error></testcase>
</testsuite>"""

GRADLE_RETRY = """<testsuite name="acme.LibTest" tests="3">
  <testcase name="unstable()" classname="acme.LibTest" time="0.3"><failure message="1"/></testcase>
  <testcase name="unstable()" classname="acme.LibTest" time="0.2"><failure message="2"/></testcase>
  <testcase name="unstable()" classname="acme.LibTest" time="0.1"/>
  <system-out><![CDATA[<testcase name="not a test"/>]]></system-out>
</testsuite>"""

GO = """<testsuites tests="2" failures="0">
  <testsuite name="example.com/pkg" tests="2" time="0.010">
    <testcase name="TestA" classname="example.com/pkg" time="0.010"></testcase>
    <testcase name="TestB/sub" classname="example.com/pkg"></testcase>
  </testsuite></testsuites>"""

JEST = """<testsuites name="jest tests" time="1.2">
  <testsuite name="sum" file="src/sum.test.js" time="0.5">
    <testcase classname="sum adds" name="adds" time="0.004"/>
    <testcase classname="sum todo" name="todo"><skipped/></testcase>
  </testsuite></testsuites>"""

NESTED = """<testsuites><testsuite name="all" file="outer.php"><testsuite name="inner">
  <testsuite name=""><testcase name="deep"/></testsuite></testsuite>
  <testcase name="flat" file="own.php"/></testsuite></testsuites>"""


def test_a_pytest_report(report: Path) -> None:
    report.write_text(PYTEST)

    cases = read(report)

    assert outcomes(cases) == [
        ("test_bad", "failed", 0),
        ("test_both", "error", 0),  # One try: the test failed and its teardown as well.
        ("test_ok[a<b]", "passed", 0),
        ("test_skip", "skipped", 0),
    ]
    assert {(case.suite, case.class_name) for case in cases} == {("pytest", "tests.test_x")}


def test_a_surefire_report_with_flaky_and_rerun_tests(report: Path) -> None:
    report.write_text(SUREFIRE)

    cases = read(report)

    assert outcomes(cases) == [("broken", "failed", 2), ("flaky", "passed", 2), ("npe", "error", 0)]
    assert {case.name: case.duration_s for case in cases}["flaky"] == 1234.5


def test_tries_that_gradle_writes_as_elements_of_their_own_are_one_test(report: Path) -> None:
    report.write_text(GRADLE_RETRY)

    (case,) = read(report)

    assert (case.name, case.outcome, case.retries, case.duration_s) == ("unstable()", "passed", 2, 0.1)


def test_a_go_report_and_missing_times(report: Path) -> None:
    report.write_text(GO)

    assert [(case.name, case.duration_s) for case in read(report)] == [("TestA", 0.01), ("TestB/sub", None)]


def test_a_jest_report_takes_the_file_of_the_suite(report: Path) -> None:
    report.write_text(JEST)

    assert [(case.name, case.outcome, case.file) for case in read(report)] == [
        ("adds", "passed", "src/sum.test.js"),
        ("todo", "skipped", "src/sum.test.js"),
    ]


def test_nested_suites_give_the_innermost_name_and_the_nearest_file(report: Path) -> None:
    report.write_text(NESTED)

    assert [(case.name, case.suite, case.file) for case in read(report)] == [
        ("deep", "inner", "outer.php"),
        ("flat", "all", "own.php"),
    ]


def test_two_passing_tests_of_one_name_are_two_tests(report: Path) -> None:
    report.write_text('<testsuite><testcase name="p"/><testcase name="p"/></testsuite>')

    assert outcomes(read(report)) == [("p", "passed", 0), ("p", "passed", 0)]


@pytest.mark.parametrize("status", ["notrun", "disabled", "skipped"])
def test_a_status_that_says_not_run_is_a_skip(report: Path, status: str) -> None:
    report.write_text(f'<testsuite><testcase name="t" status="{status}"/></testsuite>')

    assert outcomes(read(report)) == [("t", "skipped", 0)]


def test_a_test_without_any_attribute_is_still_a_test(report: Path) -> None:
    report.write_text("<testsuite><testcase/></testsuite>")

    (case,) = read(report)

    assert (case.name, case.class_name, case.duration_s, case.outcome) == ("", "", None, "passed")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("1,234.567", 1234.567),
        ("1,234", 1234.0),
        ("1,234,567.8", 1234567.8),
        ("0,123", 0.123),
        ("12,5", 12.5),
        (" 3 ", 3.0),
        ("1e-3", 0.001),
        ("", None),
        (None, None),
        ("fast", None),
        ("nan", None),
        ("inf", None),
        ("-1", None),
    ],
)
def test_seconds_are_read_in_every_spelling(text: str | None, value: float | None) -> None:
    assert seconds(text) == value


ENTITY_BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><testsuite><testcase name="&c;"/></testsuite>"""
EXTERNAL = """<?xml version="1.0"?><!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<testsuite><testcase name="&x;"/></testsuite>"""
EXTERNAL_TYPE = """<!DOCTYPE t SYSTEM "http://127.0.0.1:1/t.dtd"><testsuite><testcase name="a"/></testsuite>"""


@pytest.mark.parametrize("hostile", [ENTITY_BOMB, EXTERNAL, EXTERNAL_TYPE])
def test_a_document_type_is_refused_with_its_place_before_anything_expands(report: Path, hostile: str) -> None:
    report.write_text(hostile)

    with pytest.raises(ReportError, match=r"report.xml:1:\d+: a document type"):
        read(report)


def test_an_entity_that_nobody_declared_is_refused(report: Path) -> None:
    report.write_text("<testsuite><testcase name='&x;'/></testsuite>")

    with pytest.raises(ReportError, match="undefined entity"):
        read(report)


def test_deep_nesting_is_refused(report: Path) -> None:
    report.write_text("<testsuite>" * 100_000)

    with pytest.raises(ReportError, match="nested deeper than 64"):
        read(report)


def test_an_endless_tag_is_refused_before_it_fills_the_memory(report: Path) -> None:
    with report.open("w") as file:
        file.write('<testsuite><testcase name="')
        for _ in range(64):
            file.write("x" * 1024 * 1024)

    with pytest.raises(ReportError, match="a tag of more than 1 MiB"):
        read(report)


def test_a_huge_text_between_tags_is_read_past(report: Path) -> None:
    with report.open("w") as file:
        file.write('<testsuite><testcase name="a"><system-out>')
        for _ in range(16):
            file.write("x" * 1024 * 1024)
        file.write("</system-out></testcase></testsuite>")

    assert outcomes(read(report)) == [("a", "passed", 0)]


def test_a_name_of_any_length_is_shortened(report: Path) -> None:
    report.write_text(f'<testsuite><testcase name="{"n" * 5000}"/></testsuite>')

    assert len(read(report)[0].name) == 512


def test_a_truncated_report_gives_the_tests_before_the_cut_and_the_place(report: Path) -> None:
    report.write_text(SUREFIRE[: SUREFIRE.index("</testcase>") + 200])
    cases: list[TestCase] = []

    with pytest.raises(ReportError, match=r"report.xml:\d+:\d+: "):
        read_report(str(report), cases.append, lambda: False)

    assert [case.name for case in cases] == ["flaky"]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ('<?xml version="1.0" encoding="iso-8859-1"?><t><testcase name="é"/></t>'.encode("latin-1"), "é"),
        ('<?xml version="1.0" encoding="utf-16"?><t><testcase name="é"/></t>'.encode("utf-16"), "é"),
        ('<?xml version="1.0" encoding="windows-1251"?><t><testcase name="ж"/></t>'.encode("cp1251"), "ж"),
    ],
)
def test_declared_encodings_are_read(report: Path, data: bytes, name: str) -> None:
    report.write_bytes(data)

    assert [case.name for case in read(report)] == [name]


@pytest.mark.parametrize(
    "data",
    [
        b'<t><testcase name="\xff\xfe"/></t>',
        b'<?xml version="1.0" encoding="klingon"?><t/>',
        b'<?xml version="1.0" encoding="gb18030"?><t><testcase name="\x81\x30"/></t>',
        b"",
        b"not xml",
        b"\0" * 100,
    ],
)
def test_what_is_no_readable_xml_is_refused_with_its_place(report: Path, data: bytes) -> None:
    report.write_bytes(data)

    with pytest.raises(ReportError, match=r"report.xml:\d+:\d+: \w+"):
        read(report)


def test_a_fifo_and_a_directory_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    for path in (tmp_path / "pipe.xml", tmp_path):
        with pytest.raises(ReportError, match=r"not a regular file|is a directory"):
            read(path)


def test_reading_stops_when_the_time_is_up(report: Path) -> None:
    report.write_text("<testsuite>" + '<testcase name="x"/>' * 100_000 + "</testsuite>")
    cases: list[TestCase] = []

    with pytest.raises(ReportError, match="the time for reading test reports was up"):
        read_report(str(report), cases.append, lambda: True)

    assert 0 < len(cases) < 100_000


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_report_error(data: bytes) -> None:
    with NamedTemporaryFile(suffix=".xml") as file:
        file.write(b"<testsuite>" + data)
        file.flush()
        with suppress(ReportError):
            read(Path(file.name))
