from __future__ import annotations

from pathlib import Path

import pytest

from makespan_cli.demo.verdicts import Verdict, read_tests
from makespan_model.errors import InputError
from makespan_model.records import Result

REPORT = """<testsuites><testsuite name="pytest">
<testcase classname="pkg.test_a" name="test_one" time="0.1"/>
<testcase classname="pkg.test_a" name="test_two"><failure message="no"/></testcase>
<testcase classname="pkg.test_b" name="test_three"><skipped/></testcase>
</testsuite></testsuites>"""


def verdict(*commands: tuple[str, Result], tests: frozenset[tuple[str, str]] = frozenset()) -> Verdict:
    return Verdict(frozenset(commands), tests)


def test_test_ids_and_outcomes_come_from_the_reports(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "a.xml").write_text(REPORT)
    assert read_tests(tmp_path) == {
        ("pkg.test_a::test_one", "passed"),
        ("pkg.test_a::test_two", "failure"),
        ("pkg.test_b::test_three", "skipped"),
    }


def test_a_report_with_an_entity_bomb_is_refused_with_its_place(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuites>&b;</testsuites>'
    (tmp_path / "bomb.xml").write_text(bomb)
    with pytest.raises(InputError, match=r"bomb\.xml: not a JUnit report"):
        read_tests(tmp_path)


def test_a_cut_report_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "cut.xml").write_text(REPORT[:120])
    with pytest.raises(InputError, match=r"cut\.xml: not a JUnit report"):
        read_tests(tmp_path)


def test_equal_verdicts_have_no_difference() -> None:
    one = verdict(("make", Result.SUCCESS), tests=frozenset({("a::b", "passed")}))
    assert one.differences(one) == ()


def test_a_lost_command_is_named() -> None:
    before = verdict(("make lint", Result.SUCCESS), ("make test\nmore", Result.SUCCESS))
    after = verdict(("make lint", Result.SUCCESS))
    assert before.differences(after) == ("not run, or ended differently: make test (success)",)


def test_a_lost_test_and_a_changed_outcome_are_named() -> None:
    before = verdict(tests=frozenset({("a::one", "passed"), ("a::two", "passed")}))
    after = verdict(tests=frozenset({("a::one", "failure")}))
    said = before.differences(after)
    assert said == (
        "2 tests were lost or ended differently, a::one among them",
        "1 tests are new or ended differently, a::one among them",
    )
