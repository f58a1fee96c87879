from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from makespan_collector.operation.retention import Retention, pruning
from makespan_collector.store.embedded.directory_store import EmbeddedStore
from makespan_collector.store.embedded.retention import Pruned
from makespan_collector.store.opening import open_store
from makespan_model.errors import UnavailableError
from support.span_rows import run_rows

DAY_NS = 86_400 * 10**9
DEADLINE_S = 30


class Counted(EmbeddedStore):
    """A store that says when it was pruned."""

    def __init__(self, root: Path, prune: Callable[[int], None]) -> None:
        super().__init__(root)
        self._told = prune
        self._count = 0

    def prune(self, *, samples_before_ns: int | None = None, runs_before_ns: int | None = None) -> Pruned:
        self._count += 1
        self._told(self._count)
        return super().prune(samples_before_ns=samples_before_ns, runs_before_ns=runs_before_ns)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    open_store(tmp_path / "store").close()
    return tmp_path / "store"


def test_runs_older_than_told_go_and_younger_ones_stay(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rows = run_rows("1", {"build": [("compile", 0, 10)]})
    end_ns = max(row.end_ns for row in rows)
    for days, left in ((31, 0), (29, 1)):
        with open_store(root) as store:
            store.append(spans=rows)
            with pruning(store, Retention(runs_days=30), clock_ns=lambda: end_ns + days * DAY_NS):  # noqa: B023
                pass
            assert len(store.runs()) == left

    assert [record.getMessage() for record in caplog.records] == ["old data taken out"]


def test_without_an_age_nothing_is_looked_at(root: Path) -> None:
    asked: list[int] = []
    with Counted(root, asked.append) as store, pruning(store, Retention(), every_s=0.001):
        pass
    assert asked == []


def test_it_goes_on_after_a_prune_that_failed(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    again = threading.Event()

    def fail_once(count: int) -> None:
        if count == 1:
            raise UnavailableError("no room")
        again.set()

    with Counted(root, fail_once) as store, pruning(store, Retention(samples_days=1), every_s=0.001):
        assert again.wait(DEADLINE_S)
    assert "old data stays for now: no room" in caplog.text


def test_a_store_that_keeps_its_own_retention_is_said_to(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_store(root, read_only=True) as reader, pruning(reader, Retention(runs_days=1)):
        pass
    assert "makespan store init" in caplog.text
