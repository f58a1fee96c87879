from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from makespan_collector.store.contract import Store
from makespan_collector.store.embedded import compaction
from makespan_collector.store.embedded.migration import add_step_keys
from makespan_collector.store.embedded.step_keys import STEP_KEY, step_keys
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SampleRow, SpanKind
from support.span_rows import EPOCH, SECOND, run_rows


def fill(root: Path, run_id: str, start_ns: int) -> None:
    rows = run_rows(run_id, {"test": [("install", 0, 3), ("pytest", 3, 9)]}, start_ns=start_ns)
    samples = [
        SampleRow(
            trace_id=row.trace_id,
            span_id=row.span_id,
            time_ns=time_ns,
            cpu_cores=float(time_ns // SECOND % 7),
            memory_bytes=100,
            processes=1,
        )
        for row in rows
        if row.kind is SpanKind.STEP
        for time_ns in range(row.start_ns, row.end_ns, SECOND)
    ]
    with open_store(root) as store:
        store.append(spans=rows, samples=samples)
        store.compact()


def segments(root: Path) -> list[Path]:
    return sorted((root / "samples").glob("*.parquet"))


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a segment as releases wrote it that had no keys, and one as they are written now."""
    monkeypatch.setattr(compaction, "_SMALL_BYTES", 0)
    monkeypatch.setattr(compaction, "_SIZE_RATIO", 0)
    root = tmp_path / "store"
    fill(root, "1", EPOCH)
    (segment,) = segments(root)
    pq.write_table(pq.read_table(segment).drop_columns([STEP_KEY]), segment, compression="zstd")
    fill(root, "2", EPOCH + 60 * SECOND)
    return root


def told(root: Path) -> list[dict[str, object]]:
    with open_store(root, read_only=True) as store:
        found: list[dict[str, object]] = store.sample_quantiles(quantiles=[0.0, 0.5, 1.0]).to_pylist()
        return found


def samples_of(store: Store) -> list[object]:
    ids = [(row["trace_id"], row["span_id"]) for row in _ids(store)]
    return [store.samples(*pair) for pair in ids]


def _ids(store: Store) -> list[dict[str, str]]:
    traces = sorted({run.identity.trace_id for run in store.runs()})
    return [
        {"trace_id": row.trace_id, "span_id": row.span_id} for row in store.details(traces) if row.kind is SpanKind.STEP
    ]


def test_samples_are_counted_whether_their_segment_has_keys_or_not(old: Path) -> None:
    keyed = [STEP_KEY in pq.read_schema(segment).names for segment in segments(old)]

    assert keyed == [False, True]
    assert [(row["step"], row["step_runs"], row["samples"]) for row in told(old)] == [
        ("install", 2, 6),
        ("pytest", 2, 12),
    ]


def test_a_migrated_segment_has_its_keys_and_says_what_it_said(old: Path) -> None:
    before, names = told(old), segments(old)
    with open_store(old) as store:
        samples = samples_of(store)
        assert add_step_keys(old) == 1
        assert add_step_keys(old) == 0
        assert samples_of(store) == samples

    assert told(old) == before
    assert segments(old) == names
    for segment in names:
        rows = pq.read_table(segment).combine_chunks()
        expected = step_keys(rows["trace_id"].chunk(0), rows["span_id"].chunk(0))
        assert rows[STEP_KEY].to_pylist() == expected.tolist()


def test_merging_an_old_segment_gives_it_its_keys(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    before = told(old)
    fill(old, "3", EPOCH + 120 * SECOND)

    (segment,) = segments(old)
    assert pq.read_table(segment)[STEP_KEY].null_count == 0
    assert [row["samples"] for row in told(old)] == [3 * int(str(row["samples"])) // 2 for row in before]
