from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.findings.finding import Confidence, Effect, Finding, FindingKind, FindingSubject, finding_id
from makespan_analytics.findings.ledger import (
    CLOSE_AFTER_RUNS,
    MOST_ENTRIES,
    Entry,
    Event,
    Status,
    open_findings,
    updated,
)


def finding(name: str, *, first: int = 0, last: int = 0, kind: FindingKind = FindingKind.BOTTLENECK) -> Finding:
    return Finding(
        finding_id=finding_id("octo/app", "ci", kind, name),
        kind=kind,
        repository="octo/app",
        pipeline="ci",
        subject=FindingSubject("test", "pytest", "duration_s", "test: pytest"),
        evidence=(),
        effect=Effect(1.0, None, "made up"),
        confidence=Confidence.HIGH,
        advice="Do something.",
        first_seen_ns=first,
        last_seen_ns=last,
    )


def starts(count: int) -> list[int]:
    """Runs that start at 0, 10, 20, …"""
    return [10 * number for number in range(count)]


def test_a_finding_is_open_since_the_first_run_that_showed_it() -> None:
    one = finding("a", first=30, last=90)
    (entry,) = updated({}, [one], starts(10)).values()
    assert (entry.status, entry.events) == (Status.OPEN, (Event(Status.OPEN, 30),))


def test_found_again_it_keeps_its_first_time_and_its_newest_numbers() -> None:
    before = updated({}, [finding("a", first=30, last=90)], starts(10))
    after = updated(before, [replace(finding("a", first=80, last=140), advice="Now.")], starts(15))
    (entry,) = after.values()
    assert (entry.finding.first_seen_ns, entry.finding.last_seen_ns, entry.finding.advice) == (30, 140, "Now.")
    assert len(entry.events) == 1


def test_it_is_closed_only_when_enough_runs_came_without_it() -> None:
    one = finding("a")
    ledger = updated({}, [one], starts(20))
    almost = updated(ledger, [], starts(20 + CLOSE_AFTER_RUNS - 1))
    assert almost[one.finding_id].status is Status.OPEN
    closed = updated(almost, [], starts(20 + CLOSE_AFTER_RUNS))
    assert closed[one.finding_id].events[-1] == Event(Status.CLOSED, 10 * (20 + CLOSE_AFTER_RUNS - 1))


def test_the_same_history_looked_at_in_less_depth_closes_nothing() -> None:
    one = finding("a")
    ledger = updated({}, [one], starts(50))
    assert updated(ledger, [], starts(50)[-5:])[one.finding_id].status is Status.OPEN
    assert updated(ledger, [], [])[one.finding_id].status is Status.OPEN


def test_what_comes_back_is_opened_again_and_says_so() -> None:
    one = finding("a")
    ledger = updated(updated({}, [one], starts(20)), [], starts(40))
    back = updated(ledger, [finding("a", first=410, last=490)], starts(50))[one.finding_id]
    assert back.is_reopened
    assert [event.status for event in back.events] == [Status.OPEN, Status.CLOSED, Status.OPEN]
    assert back.events[-1].time_ns == 410


def test_a_regression_found_to_begin_a_run_later_keeps_its_id_and_one_far_away_does_not() -> None:
    one = finding("run 10", first=100, last=190, kind=FindingKind.REGRESSION)
    ledger = updated({}, [one], starts(20))
    later = finding("run 11", first=110, last=240, kind=FindingKind.REGRESSION)
    again = updated(ledger, [later], starts(25))
    assert list(again) == [one.finding_id]
    assert [shown.finding_id for shown in open_findings(again, [later], starts(25))] == [one.finding_id]
    other = finding("run 20", first=200, last=240, kind=FindingKind.REGRESSION)
    assert set(updated(ledger, [other], starts(25))) == {one.finding_id, other.finding_id}


def test_two_regressions_beside_a_known_one_do_not_become_one() -> None:
    ledger = updated({}, [finding("run 12", first=120, last=190, kind=FindingKind.REGRESSION)], starts(20))
    two = [finding(f"run {run}", first=10 * run, last=240, kind=FindingKind.REGRESSION) for run in (10, 14)]
    again = updated(ledger, two, starts(25))
    assert len(again) == 2
    assert [one.last_seen_ns for one in open_findings(again, two, starts(25))] == [240, 240]


def test_closed_ones_are_forgotten_when_there_are_too_many_and_open_ones_never() -> None:
    closed = {
        str(number): Entry(finding(str(number)), 0, (Event(Status.OPEN, 0), Event(Status.CLOSED, number)))
        for number in range(MOST_ENTRIES + 5)
    }
    one = finding("open")
    kept = updated(closed, [one], starts(3))
    assert len(kept) == MOST_ENTRIES
    assert one.finding_id in kept
    assert "0" not in kept
    assert str(MOST_ENTRIES + 4) in kept


@given(st.lists(st.sets(st.sampled_from("abcd")), min_size=1, max_size=12), st.integers(1, 15))
def test_an_analysis_of_nothing_new_changes_nothing_and_statuses_alternate(shows: list[set[str]], step: int) -> None:
    ledger: dict[str, Entry] = {}
    for number, names in enumerate(shows, start=1):
        found = [finding(name, last=10 * number * step) for name in sorted(names)]
        ledger = updated(ledger, found, starts(number * step))
        assert updated(ledger, found, starts(number * step)) == ledger
        assert {one.finding_id for one in found} <= {
            key for key, entry in ledger.items() if entry.status is Status.OPEN
        }
    for entry in ledger.values():
        assert [event.status for event in entry.events] == [
            Status.OPEN if place % 2 == 0 else Status.CLOSED for place in range(len(entry.events))
        ]
        times = [event.time_ns for event in entry.events]
        assert times == sorted(times)
