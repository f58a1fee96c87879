"""What became of findings: opened, closed when their evidence is gone, opened again.

All times are those of runs, not of the analysis: a history that was imported late is told as it was.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from makespan_analytics.findings.finding import Finding, FindingKind

CLOSE_AFTER_RUNS = 10
"""Comparable runs without the evidence after which a finding is closed: half of those that most findings rest on, so
that one lucky run does not close it."""
_SAME_CAUSE_RUNS = 2
"""With more runs known, a change of level is found to begin up to this many runs earlier or later."""
MOST_ENTRIES = 1_000
"""Closed findings beyond it are forgotten, the oldest first; far more than one pipeline has at once."""


class Status(StrEnum):
    """Whether a finding holds."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Event:
    """A change of status, at the start of the run that brought it."""

    status: Status
    time_ns: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding and its past.

    Attributes:
        finding: As it was found last, its `first_seen_ns` that of the first time.
        found_ns: Start of the newest run of the history in which it was found last.
        events: From the first opening on, in order.
    """

    finding: Finding
    found_ns: int
    events: tuple[Event, ...]

    @property
    def status(self) -> Status:
        """What holds now."""
        return self.events[-1].status

    @property
    def is_reopened(self) -> bool:
        """Whether it is open and had been closed before."""
        return self.status is Status.OPEN and len(self.events) > 1


Ledger = Mapping[str, Entry]
"""Entries by the id of their finding."""


def updated(
    ledger: Ledger,
    findings: Sequence[Finding],
    starts_ns: Sequence[int],
    level_starts_ns: Sequence[int] | None = None,
) -> dict[str, Entry]:
    """The ledger after one more analysis.

    Args:
        ledger: As it was.
        findings: What was found.
        starts_ns: Starts of the comparable runs that were looked at, in order; without any nothing is closed.
        level_starts_ns: Of the runs in which changes of level were looked for; None: of the same.
    """
    levels_ns = starts_ns if level_starts_ns is None else level_starts_ns
    newest_ns = starts_ns[-1] if starts_ns else max((one.last_seen_ns for one in findings), default=0)
    entries = dict(ledger)
    seen: set[str] = set()
    for finding in findings:
        known = _known_as(ledger, finding, levels_ns, seen)
        seen.add(known)
        entries[known] = _found(ledger.get(known), replace(finding, finding_id=known), newest_ns)
    for key, entry in ledger.items():
        if key not in seen and entry.status is Status.OPEN:
            without = len(starts_ns) - bisect_left(starts_ns, entry.found_ns + 1)
            if without >= CLOSE_AFTER_RUNS:
                entries[key] = replace(entry, events=(*entry.events, Event(Status.CLOSED, newest_ns)))
    return _within_bounds(entries)


def open_findings(ledger: Ledger, findings: Iterable[Finding], level_starts_ns: Sequence[int]) -> tuple[Finding, ...]:
    """The findings of an analysis under the ids and with the first times that an updated ledger knows them by."""
    known: dict[str, None] = {}
    for finding in findings:
        known[_known_as(ledger, finding, level_starts_ns, known)] = None
    return tuple(ledger[key].finding for key in known)


def _known_as(ledger: Ledger, finding: Finding, starts_ns: Sequence[int], taken: Collection[str]) -> str:
    """The id of its entry: that of a regression found to begin at another run of the same few is kept."""
    if finding.finding_id in ledger or finding.kind is not FindingKind.REGRESSION:
        return finding.finding_id
    place = bisect_left(starts_ns, finding.first_seen_ns)
    return next(
        (
            key
            for key, entry in ledger.items()
            if key not in taken
            and entry.finding.kind is FindingKind.REGRESSION
            and entry.status is Status.OPEN
            and entry.finding.subject.key == finding.subject.key
            and abs(bisect_left(starts_ns, entry.finding.first_seen_ns) - place) <= _SAME_CAUSE_RUNS
        ),
        finding.finding_id,
    )


def _found(entry: Entry | None, finding: Finding, newest_ns: int) -> Entry:
    if entry is None:
        return Entry(finding, newest_ns, (Event(Status.OPEN, finding.first_seen_ns),))
    kept = replace(finding, first_seen_ns=min(finding.first_seen_ns, entry.finding.first_seen_ns))
    events = entry.events
    if entry.status is Status.CLOSED:
        events = (*events, Event(Status.OPEN, max(finding.first_seen_ns, events[-1].time_ns)))
    return Entry(kept, max(newest_ns, entry.found_ns), events)


def _within_bounds(entries: dict[str, Entry]) -> dict[str, Entry]:
    closed = sorted(
        (key for key, entry in entries.items() if entry.status is Status.CLOSED),
        key=lambda key: (entries[key].events[-1].time_ns, key),
    )
    forgotten = set(closed[: max(0, len(entries) - MOST_ENTRIES)])
    return {key: entry for key, entry in entries.items() if key not in forgotten}
