from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.identity import RunIdentity
from makespan_model.records import MemoryPeakSource, Result, RunState
from support.span_rows import run_rows

TRACE = RunIdentity("github", "octo/app", "1").trace_id


def _log(number: int) -> SpanRow:
    return SpanRow(
        trace_id=TRACE,
        span_id=f"{number:016x}",
        kind=SpanKind.LOG,
        name="INFO",
        start_ns=number,
        end_ns=number,
        raw=b"x",
    )


def test_a_trace_is_answered_whole_as_it_was_kept(tmp_path: Path) -> None:
    rows = run_rows("1", {"build": [("make", 0, 5)]}, needs={"build": ("lint",)})
    rows = [replace(row, memory_peak_source=MemoryPeakSource.PSS, state=RunState.EXECUTING) for row in rows]
    others = run_rows("2", {"build": [("make", 0, 5)]})
    with open_store(tmp_path / "store") as store:
        store.append(spans=[*rows, _log(7), *others])

        found = store.details([TRACE])

        assert set(found) == {*rows, _log(7)}
        assert [row.start_ns for row in found] == sorted(row.start_ns for row in found)
        assert store.details([]) == []
        assert store.details(["0" * 32]) == []


def test_a_row_that_was_sent_twice_is_there_once_with_all_that_was_said(tmp_path: Path) -> None:
    row = _log(7)
    with open_store(tmp_path / "store") as store:
        store.append(spans=[replace(row, repository="octo/app")])
        store.append(spans=[replace(row, kind=SpanKind.DETAIL, result=Result.FAILURE)])

        (found,) = store.details([TRACE])

    assert found == replace(row, kind=SpanKind.DETAIL, repository="octo/app", result=Result.FAILURE)
