from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from makespan_collector.store.embedded import compaction, log_sorting, segment_writing
from makespan_collector.store.embedded.segments import Segment, list_segments
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SampleRow
from makespan_collector.store.schema import SAMPLES, SPANS, TableSchema
from makespan_model.errors import UnavailableError
from makespan_model.records import Result
from support.span_rows import EPOCH, SECOND, run_rows

JOBS = {"test": [("pytest", 0, 1)]}


def fill(root: Path, first: int, count: int) -> None:
    with open_store(root) as store:
        for number in range(first, first + count):
            store.append(spans=run_rows(str(number), JOBS, start_ns=EPOCH + number * SECOND))


def compact(root: Path) -> None:
    with open_store(root) as store:
        store.compact()


def ids(root: Path) -> list[str]:
    return [run.identity.run_id for run in open_store(root, read_only=True).runs()]


def test_compaction_leaves_one_row_of_every_span_in_one_segment(tmp_path: Path) -> None:
    for _ in range(3):
        fill(tmp_path, 0, 2)
    compact(tmp_path)
    (segment,) = list_segments(tmp_path / "spans").live
    assert segment.path.name == "00000001-00000003.parquet"
    assert pq.read_metadata(segment.path).num_rows == 6
    assert ids(tmp_path) == ["0", "1"]


def test_segments_are_merged_so_that_few_remain(tmp_path: Path) -> None:
    for number in range(12):
        fill(tmp_path, number, 1)
        compact(tmp_path)
    assert len(list_segments(tmp_path / "spans").live) == 1
    assert len(ids(tmp_path)) == 12


def test_a_segment_much_larger_than_what_is_new_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "_SMALL_BYTES", 0)
    fill(tmp_path, 0, 300)
    compact(tmp_path)
    before = list_segments(tmp_path / "spans").live
    fill(tmp_path, 300, 1)
    compact(tmp_path)
    assert list_segments(tmp_path / "spans").live[:1] == before
    assert len(ids(tmp_path)) == 301


def test_a_crash_before_the_new_segment_has_its_name_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 0, 2)

    def crash(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", crash)
    with pytest.raises(KeyboardInterrupt):
        compact(tmp_path)
    monkeypatch.undo()
    assert list((tmp_path / "spans").glob("*.tmp"))
    assert ids(tmp_path) == ["0", "1"]
    compact(tmp_path)
    assert not list((tmp_path / "spans").glob("*.tmp"))
    assert ids(tmp_path) == ["0", "1"]


def test_a_crash_before_the_old_logs_are_deleted_doubles_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "a", 0, 2)
    log = next((tmp_path / "a" / "spans").glob("*.log"))
    shutil.copy(log, tmp_path / "kept")
    compact(tmp_path / "a")
    shutil.copy(tmp_path / "kept", log)
    listing = list_segments(tmp_path / "a" / "spans")
    assert [segment.path for segment in listing.superseded] == [log]
    assert ids(tmp_path / "a") == ["0", "1"]
    open_store(tmp_path / "a").close()
    assert not log.exists()
    assert ids(tmp_path / "a") == ["0", "1"]


def test_numbers_are_not_used_again_after_compaction(tmp_path: Path) -> None:
    fill(tmp_path, 0, 1)
    compact(tmp_path)
    with open_store(tmp_path) as store:
        store.append(spans=[replace(row, result=Result.FAILURE) for row in run_rows("0", JOBS)])
        assert [segment.first for segment in list_segments(tmp_path / "spans").logs] == [2]
        assert [run.result for run in store.runs()] == [Result.FAILURE]


def test_compacted_rows_are_sorted_so_that_a_query_can_skip(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        for number in (5, 3, 4):
            store.append(spans=run_rows(str(number), JOBS, start_ns=EPOCH + number * SECOND))
        store.compact()
    (segment,) = list_segments(tmp_path / "spans").live
    starts = pq.read_table(segment.path, columns=["start_ns"])["start_ns"].to_pylist()
    assert starts == sorted(starts)
    assert pq.read_schema(segment.path).equals(SPANS.columns)


def test_files_of_other_names_are_left_alone(tmp_path: Path) -> None:
    fill(tmp_path, 0, 1)
    note = tmp_path / "spans" / "README"
    note.write_text("hello")
    compact(tmp_path)
    assert note.exists()


def samples(count: int) -> pa.RecordBatch:
    """Readings of one step, the newest first."""
    times = np.arange(count, 0, -1, dtype=np.int64)
    values = {
        "trace_id": pa.repeat("a1" * 16, count),
        "span_id": pa.repeat("b2" * 8, count),
        "time_ns": pa.array(times),
        "cpu_cores": pa.array(times / count),
    }
    schema = pa.schema(list(SAMPLES.columns)[1:])
    columns = [values.get(field.name, pa.nulls(count, field.type)) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def test_more_rows_than_fit_into_memory_are_sorted_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_writing, "MEMORY_LIMITS", ("128MB",))
    rows = samples(600_000)
    with open_store(tmp_path) as store:
        store.append(samples=rows)
        store.append(samples=rows.slice(0, 30_000))
        store.compact()

    (segment,) = list_segments(tmp_path / "samples").live
    times = pq.read_table(segment.path, columns=["time_ns"])["time_ns"].to_numpy()
    assert np.array_equal(times, np.arange(1, 600_001))
    assert not list((tmp_path / "samples").glob("*.tmp"))


def test_many_logs_that_waited_are_taken_in_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(table: TableSchema, logs: Sequence[Segment], target: Path) -> None:
        if table is SPANS:
            read.append(len(logs))
        log_sorting.sort_logs(table, logs, target)

    monkeypatch.setattr(compaction, "sort_logs", counted)
    for number in range(7):
        fill(tmp_path, number, 1)
    log_bytes = max(segment.path.stat().st_size for segment in list_segments(tmp_path / "spans").logs)
    monkeypatch.setattr(compaction, "_PORTION_BYTES", 3 * log_bytes)
    compact(tmp_path)

    assert read == [3, 3, 1]
    assert ids(tmp_path) == [str(number) for number in range(7)]


def test_what_a_killed_compaction_left_on_the_disk_is_deleted(tmp_path: Path) -> None:
    fill(tmp_path, 0, 1)
    spill = tmp_path / "spans" / "spill-abc.tmp"
    spill.mkdir()
    (spill / "duckdb_temp_storage-0.tmp").write_text("half")

    fill(tmp_path, 1, 1)

    assert not spill.exists()
    assert ids(tmp_path) == ["0", "1"]


def test_a_compaction_that_cannot_read_its_segments_leaves_everything_as_it_was(tmp_path: Path) -> None:
    fill(tmp_path, 0, 1)
    compact(tmp_path)
    (segment,) = list_segments(tmp_path / "spans").live
    whole = segment.path.read_bytes()
    segment.path.write_bytes(whole[:-50] + bytes(50))
    fill(tmp_path, 1, 1)
    with open_store(tmp_path) as store, pytest.raises(UnavailableError, match="cannot be rewritten"):
        store.compact()
    segment.path.write_bytes(whole)

    assert ids(tmp_path) == ["0", "1"]
    assert not list((tmp_path / "spans").glob("*.tmp"))


def test_a_compaction_without_enough_memory_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_writing, "MEMORY_LIMITS", ("1MB", "2MB"))
    with open_store(tmp_path) as store:
        store.append(samples=samples(100_000))
        store.append(samples=samples(100_000))
        with pytest.raises(UnavailableError, match="cannot be rewritten: Out of Memory"):
            store.compact()

    assert [segment.is_log for segment in list_segments(tmp_path / "samples").live] == [True]
    assert not list((tmp_path / "samples").glob("*.parquet*"))


def test_a_compaction_that_runs_out_of_memory_is_tried_again_with_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_writing, "MEMORY_LIMITS", ("1MB", "512MB"))
    with open_store(tmp_path) as store:
        store.append(samples=samples(100_000))
        store.append(samples=samples(100_000))
        store.compact()

    (segment,) = list_segments(tmp_path / "samples").live
    assert pq.read_metadata(segment.path).num_rows == 100_000


def test_ranges_of_traces_written_one_after_another_are_whole_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_writing, "ROWS_AT_ONCE", 10)
    traces = [f"{number * 7 % 256:02x}" * 16 for number in range(256)]
    rows = [SampleRow(trace_id=trace, span_id="b2" * 8, time_ns=time_ns) for time_ns in (2, 1) for trace in traces]
    with open_store(tmp_path) as store:
        store.append(samples=rows)
        store.append(samples=[replace(row, cpu_cores=1.0) for row in rows])
        store.compact()

    (segment,) = list_segments(tmp_path / "samples").live
    found = pq.read_table(segment.path, columns=["trace_id", "time_ns", "cpu_cores"]).to_pylist()
    assert [(row["trace_id"], row["time_ns"]) for row in found] == sorted((row.trace_id, row.time_ns) for row in rows)
    assert {row["cpu_cores"] for row in found} == {1.0}
