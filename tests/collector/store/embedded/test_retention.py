from __future__ import annotations

from pathlib import Path

import pytest

from makespan_collector.store.embedded.directory_store import EmbeddedStore
from makespan_collector.store.embedded.queries import fetch, query
from makespan_collector.store.embedded.retention import Pruned, foreseen
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SampleRow
from makespan_collector.store.schema import SUMMARIES
from support.span_rows import EPOCH, SECOND, run_rows

DAY_NS = 86_400 * SECOND
OLD, NEW = ("a1" * 16, "b1" * 8), ("a2" * 16, "b2" * 8)


def _samples(step: tuple[str, str], start_ns: int, count: int) -> list[SampleRow]:
    return [
        SampleRow(
            trace_id=step[0],
            span_id=step[1],
            time_ns=start_ns + number * SECOND,
            cpu_cores=float(number),
            memory_bytes=100 * number,
            processes=1,
        )
        for number in range(count)
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    with open_store(root) as store:
        store.append(samples=_samples(OLD, EPOCH, 101) + _samples(NEW, EPOCH + 10 * DAY_NS, 5))
        store.append(spans=run_rows("old", {"test": [("pytest", 0, 9)]}))
        store.append(spans=run_rows("new", {"test": [("pytest", 0, 9)]}, start_ns=EPOCH + 10 * DAY_NS))
    return root


def _prune(root: Path, **ages: int) -> Pruned:
    with open_store(root) as store:
        assert isinstance(store, EmbeddedStore)
        return store.prune(**ages)


def _summaries(root: Path) -> list[dict[str, object]]:
    return query(root, SUMMARIES, lambda connection: fetch(connection, "FROM rows"))


def test_old_samples_go_and_what_they_said_stays(root: Path) -> None:
    expected = foreseen(root, samples_before_ns=EPOCH + DAY_NS, runs_before_ns=None)

    assert _prune(root, samples_before_ns=EPOCH + DAY_NS) == expected == Pruned(samples=101, summaries=1)

    with open_store(root, read_only=True) as store:
        assert store.samples(*OLD) == []
        assert len(store.samples(*NEW)) == 5
        assert [run.identity.run_id for run in store.runs()] == ["old", "new"]
    (summary,) = _summaries(root)
    assert (summary["trace_id"], summary["samples"], summary["last_ns"]) == (OLD[0], 101, EPOCH + 100 * SECOND)
    assert (summary["cpu_cores_p50"], summary["cpu_cores_p95"], summary["cpu_cores_max"]) == (50.0, 95.0, 100.0)
    assert (summary["memory_bytes_p95"], summary["memory_bytes_max"]) == (9500.0, 10_000)


def test_a_step_some_of_whose_samples_are_young_keeps_them_all(root: Path) -> None:
    assert _prune(root, samples_before_ns=EPOCH + 50 * SECOND).samples == 0


def test_pruning_twice_takes_nothing_more_and_keeps_the_summary(root: Path) -> None:
    _prune(root, samples_before_ns=EPOCH + DAY_NS)
    before = _summaries(root)

    assert _prune(root, samples_before_ns=EPOCH + DAY_NS) == Pruned()
    assert [{**row, "seq": 0} for row in _summaries(root)] == [{**row, "seq": 0} for row in before]


def test_a_prune_that_died_after_the_summary_does_not_summarise_what_is_left(root: Path) -> None:
    _prune(root, samples_before_ns=EPOCH + DAY_NS)
    with open_store(root) as store:  # As if one of several segments had not been done yet.
        store.append(samples=_samples(OLD, EPOCH, 3))

    assert _prune(root, samples_before_ns=EPOCH + DAY_NS) == Pruned(samples=3)
    assert [row["samples"] for row in _summaries(root)] == [101]


def test_old_runs_go_with_everything_in_them(root: Path) -> None:
    pruned = _prune(root, runs_before_ns=EPOCH + DAY_NS)

    assert pruned.spans == 3
    with open_store(root, read_only=True) as store:
        assert [run.identity.run_id for run in store.runs()] == ["new"]


def test_a_pruned_store_takes_new_rows(root: Path) -> None:
    _prune(root, samples_before_ns=EPOCH + 20 * DAY_NS, runs_before_ns=EPOCH + 20 * DAY_NS)
    with open_store(root) as store:
        store.append(spans=run_rows("newest", {"test": [("pytest", 0, 9)]}))
        store.compact()

        assert [run.identity.run_id for run in store.runs()] == ["newest"]
