from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan_collector.store.embedded import log_sorting
from makespan_collector.store.embedded.log_segment import LogWriter
from makespan_collector.store.embedded.log_sorting import sort_logs
from makespan_collector.store.embedded.segments import list_segments, log_path
from makespan_collector.store.rows import SampleRow, SpanKind, SpanRow
from makespan_collector.store.schema import SAMPLES, SEQUENCE_SHIFT, SPANS, TableSchema, joined_batch
from makespan_model.records import Result, RunState

SPAN = SpanRow(trace_id="a1" * 16, span_id="b2" * 8, kind=SpanKind.JOB, name="test", start_ns=5, end_ns=9)


def _sorted(folder: Path, table: TableSchema, *logs: list[list[SpanRow]] | list[list[SampleRow]]) -> list[object]:
    """The rows of the segment that becomes of some logs, each a list of commits."""
    folder.mkdir(exist_ok=True)
    for number, commits in enumerate(logs, start=1):
        writer = LogWriter(log_path(folder, number), table.columns)
        for commit in commits:
            batch = joined_batch(table, [commit], (number << SEQUENCE_SHIFT) + writer.rows)
            assert batch is not None
            writer.append(batch)
        writer.close()
    target = folder / "00000001-00000009.parquet"
    sort_logs(table, list_segments(folder).logs, target)
    found = pq.read_table(target).select(table.columns.names)
    assert found.schema.equals(table.columns)
    return found.to_pylist()  # type: ignore[no-any-return]


_spans = st.builds(
    replace,
    st.just(SPAN),
    span_id=st.sampled_from(["b1" * 8, "b2" * 8, "b3" * 8]),
    repository=st.sampled_from([None, "octo/app", "octo/other"]),
    pipeline=st.sampled_from([None, "ci"]),
    start_ns=st.integers(1, 3),
    state=st.sampled_from([None, RunState.EXECUTING]),
    source=st.sampled_from([None, "otlp", "github-api"]),
    result=st.sampled_from([None, *Result]),
    needs=st.sampled_from([None, ("a", "b")]),
)


_commits = st.lists(st.lists(_spans, min_size=1, max_size=4), min_size=1, max_size=3)


@settings(max_examples=25)
@given(logs=st.lists(_commits, min_size=1, max_size=3))
def test_a_segment_is_the_same_whether_repeated_rows_are_put_together_here_or_by_a_rewrite(
    tmp_path_factory: pytest.TempPathFactory, logs: list[list[list[SpanRow]]]
) -> None:
    here = _sorted(tmp_path_factory.mktemp("here") / "spans", SPANS, *logs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_sorting, "_MOST_REPEATED_ROWS", 0)
        by_rewrite = _sorted(tmp_path_factory.mktemp("rewrite") / "spans", SPANS, *logs)

    by_key = lambda row: row["span_id"]  # noqa: E731
    assert sorted(here, key=by_key) == sorted(by_rewrite, key=by_key)


def test_rows_come_in_the_tables_order_whatever_log_they_were_in(tmp_path: Path) -> None:
    spans = [
        replace(SPAN, span_id=f"{number:016x}", repository=repository, start_ns=start_ns)
        for number, (repository, start_ns) in enumerate([("b", 3), ("a", 2), (None, 1), ("a", 1), ("b", 1)])
    ]
    found = _sorted(tmp_path / "spans", SPANS, [spans[:2], spans[2:3]], [spans[3:]])
    order = [(row["repository"], row["start_ns"]) for row in found]  # type: ignore[index]
    assert order == [("a", 1), ("a", 2), ("b", 1), ("b", 3), (None, 1)]


def test_parts_of_a_reading_complete_each_other(tmp_path: Path) -> None:
    reading = SampleRow(trace_id="a1" * 16, span_id="b2" * 8, time_ns=1, cpu_cores=1.0)
    other = replace(reading, cpu_cores=None, memory_bytes=5)
    (found,) = _sorted(tmp_path / "samples", SAMPLES, [[reading], [other]])
    assert (found["cpu_cores"], found["memory_bytes"]) == (1.0, 5)  # type: ignore[index]


def test_logs_without_a_row_become_an_empty_segment(tmp_path: Path) -> None:
    assert _sorted(tmp_path / "spans", SPANS, [], []) == []
