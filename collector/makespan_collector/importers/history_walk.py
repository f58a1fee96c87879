"""The way through a provider's history, newest first: what is new is fetched, kept, and only then ticked off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from makespan_collector.importers.cursor import Cursor, Kept
from makespan_collector.importers.progress import Progress
from makespan_collector.providers.payload import Payload, PayloadError
from makespan_collector.store.contract import Store
from makespan_collector.store.rows import SpanKind, SpanRow

_BATCH_ROWS = 2_000
_BATCH_S = 5.0
"""A killed import asks again for no more than this."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One run of a list.

    Attributes:
        run_id: The provider's id.
        version: Differs when there is more to know.
        time_ns: What the list is ordered by, newest first.
        is_over: Whether it had ended.
        payload: The run as listed.
    """

    run_id: str
    version: str
    time_ns: int
    is_over: bool
    payload: Payload


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list.

    Attributes:
        runs: Those that could be understood.
        problems: Of the others.
        etag: Of the page.
        is_unchanged: Whether nothing is new since the ETag asked with.
    """

    runs: Sequence[Listed]
    problems: Sequence[str] = ()
    etag: str | None = None
    is_unchanged: bool = False


class History(Protocol):
    """A provider's history of one repository."""

    overlap_ns: int
    """How long after a run was listed it may still change: GitHub lets it be run again for 30 days."""

    def pages(self, etags: Sequence[str | None]) -> Iterator[ListPage]:
        """The list from its newest end on.

        Args:
            etags: Of its pages as they were known before.
        """

    def find(self, run_id: str) -> Listed | None:
        """One run; None when it was deleted."""

    def rows(self, listed: Listed, *, heard_ns: int) -> list[SpanRow]:
        """All that is to be known of a run: its attempts, jobs and steps.

        Raises:
            PayloadError: What came cannot be understood.
        """


class HistoryWalk:
    """One import.

    Args:
        history: Asked.
        store: Open for writing.
        cursor: What is known already.
        progress: Is kept up to date.
        tell: Called whenever it changed.
        now_ns: Unix time.
    """

    def __init__(
        self,
        history: History,
        store: Store,
        cursor: Cursor,
        progress: Progress,
        tell: Callable[[], None] = lambda: None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._history = history
        self._store = store
        self._cursor = cursor
        self._progress = progress
        self._tell = tell
        self._now_ns = now_ns
        self._rows: list[SpanRow] = []
        self._fetched: dict[str, Kept] = {}
        self._flushed_s = time.monotonic()

    def import_runs(self, *, since_ns: int, limit: int | None = None) -> None:
        """Bring the store up to date with the provider.

        Args:
            since_ns: Older runs are left alone.
            limit: So many of the newest runs at most.

        Raises:
            UnavailableError: The API or the store cannot go on; what was ticked off is kept.
        """
        coverage = self._cursor.coverage
        is_covered = coverage.from_ns is not None and coverage.from_ns <= since_ns
        # With a limit it matters which runs are on the pages that have not changed.
        known_etags = coverage.etags if is_covered and limit is None else ()
        etags: list[str | None] = []
        times_ns: list[int] = []
        seen: set[str] = set()
        self._progress.unchanged = bool(known_etags)
        try:
            for page in self._history.pages(known_etags):
                etags.append(known_etags[len(etags)] if page.is_unchanged else page.etag)
                self._progress.unchanged &= page.is_unchanged
                for problem in page.problems:
                    self._progress.leave_out(problem)
                runs = [run for run in page.runs if run.time_ns >= since_ns and run.run_id not in seen]
                for run in runs if limit is None else runs[: limit - len(seen)]:
                    seen.add(run.run_id)
                    times_ns.append(run.time_ns)
                    self._take(run)
                if self._ends_at(page, since_ns, limit, len(seen)):
                    break
            self._revisit(seen, since_ns)
        finally:
            # A rate limit, or Ctrl-C: what was fetched has cost requests.
            self._flush()
        if not self._progress.unchanged:
            is_cut = limit is not None and len(seen) >= limit
            # Runs that could not be read are tried again, so the next import must look at the list.
            coverage.etags = () if is_cut or self._progress.unreadable else tuple(etags)
            self._close(min(times_ns) if is_cut and times_ns else since_ns, max(times_ns, default=since_ns))

    def _lower_bound(self, since_ns: int) -> int:
        """How far down the list there may be something new."""
        coverage = self._cursor.coverage
        if coverage.from_ns is None or coverage.to_ns is None or since_ns < coverage.from_ns:
            return since_ns
        return max(since_ns, coverage.to_ns - self._history.overlap_ns)

    def _ends_at(self, page: ListPage, since_ns: int, limit: int | None, seen: int) -> bool:
        oldest_ns = min((run.time_ns for run in page.runs), default=None)
        below = oldest_ns is not None and oldest_ns < self._lower_bound(since_ns)
        return below or (limit is not None and seen >= limit)

    def _take(self, listed: Listed) -> None:
        self._progress.day = datetime.fromtimestamp(listed.time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d")
        known = self._cursor.kept.get(listed.run_id)
        if (known is not None and known.version == listed.version and known.is_over) or self._is_old_news(listed):
            self._progress.known += 1
            self._tell()
            return
        try:
            rows = self._history.rows(listed, heard_ns=self._now_ns())
        except PayloadError as error:
            self._progress.leave_out(str(error))
            self._tell()
            return
        self._rows += rows
        # A child pipeline may go on after its parent.
        is_over = listed.is_over and all(row.state is None for row in rows)
        self._fetched[listed.run_id] = Kept(listed.version, listed.time_ns, is_over)
        self._progress.runs += sum(row.kind is SpanKind.RUN for row in rows)
        self._progress.jobs += sum(row.kind is SpanKind.JOB for row in rows)
        self._progress.steps += sum(row.kind is SpanKind.STEP for row in rows)
        self._tell()
        if len(self._rows) >= _BATCH_ROWS or time.monotonic() - self._flushed_s > _BATCH_S:
            self._flush()

    def _is_old_news(self, listed: Listed) -> bool:
        """Whether it lies in the span that was walked, and too far back to have changed."""
        coverage = self._cursor.coverage
        if coverage.from_ns is None or coverage.to_ns is None or listed.run_id in self._cursor.kept:
            return False
        return coverage.from_ns <= listed.time_ns < coverage.to_ns - self._history.overlap_ns

    def _revisit(self, seen: set[str], since_ns: int) -> None:
        """Ask again for runs that had not ended, and were not on the list this time."""
        waiting = [
            run_id
            for run_id, kept in self._cursor.kept.items()
            if not kept.is_over and run_id not in seen and kept.time_ns >= since_ns
        ]
        for run_id in waiting:
            listed = self._history.find(run_id)
            if listed is not None:
                self._take(listed)
            else:
                known = self._cursor.kept[run_id]
                self._fetched[run_id] = Kept(known.version, known.time_ns, is_over=True)

    def _flush(self) -> None:
        self._flushed_s = time.monotonic()
        if self._rows:
            self._store.append(spans=self._rows)
        if self._fetched:
            self._cursor.add(self._fetched)
        self._rows, self._fetched = [], {}

    def _close(self, from_ns: int, to_ns: int) -> None:
        """Note what has been walked from end to end."""
        coverage = self._cursor.coverage
        if coverage.from_ns is not None and coverage.to_ns is not None and from_ns <= coverage.to_ns:
            from_ns, to_ns = min(from_ns, coverage.from_ns), max(to_ns, coverage.to_ns)
        coverage.from_ns, coverage.to_ns = from_ns, to_ns
        self._cursor.save(forget_before_ns=to_ns - self._history.overlap_ns)
