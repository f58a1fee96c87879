from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from makespan_collector.store.embedded import background_compaction, table_log
from makespan_collector.store.embedded.background_compaction import (
    MOST_SEGMENTS,
    MOST_WAITING_S,
    QUIET_S,
    BackgroundCompaction,
)
from makespan_collector.store.embedded.segments import list_segments
from makespan_collector.store.embedded.table_log import TableLog
from makespan_collector.store.schema import SPANS
from support.span_rows import EPOCH, SECOND, run_rows


class Writing:
    """A table that is appended to by a clock that stands still; each append closes its log."""

    def __init__(self, root: Path) -> None:
        (root / SPANS.name).mkdir()
        self.now_s = 1_000.0
        self._root = root
        self._lock = threading.Lock()
        self._log = TableLog(root, SPANS, self._lock, lambda: self.now_s)
        self.compaction = BackgroundCompaction(root, {SPANS.name: self._log}, self._lock, lambda: self.now_s)
        self._appended = 0

    def append(self) -> None:
        with self._lock:
            self._appended += 1
            start_ns = EPOCH + self._appended * SECOND
            self._log.append([run_rows(str(self._appended), {"test": [("pytest", 0, 1)]}, start_ns=start_ns)])
            self.compaction.appended()

    def files(self) -> tuple[int, int]:
        """How many logs and how many segments there are."""
        listing = list_segments(self._root / SPANS.name)
        return len(listing.logs), len(listing.compacted)


def _thread() -> threading.Thread | None:
    return next((thread for thread in threading.enumerate() if thread.name == "makespan-compaction"), None)


def _await_compactions(writing: Writing, count: int) -> None:
    waiting = threading.Event()
    while writing.compaction.compactions < count:
        assert _thread() is not None
        waiting.wait(0.01)


def _await_end() -> None:
    thread = _thread()
    if thread is not None:
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writing]:
    monkeypatch.setattr(table_log, "LOG_LIMIT_BYTES", 1)
    monkeypatch.setattr(background_compaction, "_POLL_S", 0.01)
    opened = Writing(tmp_path)
    yield opened
    opened.compaction.stop()
    _await_end()


def test_logs_wait_while_appends_keep_coming(writing: Writing) -> None:
    for _ in range(5):
        writing.append()
        writing.now_s += QUIET_S / 2
    assert (writing.files(), writing.compaction.compactions) == ((5, 0), 0)


def test_when_appends_cease_the_logs_become_one_segment_and_the_thread_ends(writing: Writing) -> None:
    for _ in range(3):
        writing.append()
    writing.now_s += QUIET_S
    _await_end()
    assert writing.files() == (0, 1)


def test_a_log_that_waited_long_is_compacted_though_appends_keep_coming(writing: Writing) -> None:
    writing.append()
    while writing.now_s < 1_000.0 + MOST_WAITING_S:
        writing.now_s += QUIET_S / 2
        writing.append()
    _await_compactions(writing, 1)
    assert writing.files()[1] == 1


def test_many_bytes_of_logs_are_compacted_though_appends_keep_coming(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_compaction, "MOST_WAITING_BYTES", 10_000)
    for number in range(1, 4):
        while writing.compaction.compactions < number:
            writing.append()
    assert writing.files()[1] >= 2


def test_segments_that_many_compactions_made_are_merged_when_it_is_quiet(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_compaction, "MOST_WAITING_BYTES", 1)
    for number in range(1, 4):
        writing.append()
        _await_compactions(writing, number)
    assert writing.files() == (0, 3)

    writing.now_s += QUIET_S
    _await_end()
    assert writing.files() == (0, 1)


def test_too_many_segments_are_merged_though_appends_keep_coming(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_compaction, "MOST_WAITING_BYTES", 1)
    for number in range(1, MOST_SEGMENTS + 2):
        writing.append()
        _await_compactions(writing, number)
    assert writing.files() == (0, 2)


def test_a_stopped_compaction_ends_and_leaves_the_logs(writing: Writing) -> None:
    writing.append()
    assert _thread() is not None
    writing.compaction.stop()
    _await_end()
    writing.append()
    assert (_thread(), writing.files()) == (None, (2, 0))
