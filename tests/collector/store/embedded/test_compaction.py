from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from makespan_collector.store.embedded import compaction
from makespan_collector.store.embedded.segments import list_segments
from makespan_collector.store.opening import open_store
from makespan_collector.store.schema import SPANS
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
