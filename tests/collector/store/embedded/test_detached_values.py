from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan_collector.store.embedded import compaction, detached_values, retention
from makespan_collector.store.embedded.compaction import merge_segments
from makespan_collector.store.embedded.segments import list_segments
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_collector.store.schema import SPANS

HUGE_SPANS = """
import sys
from pathlib import Path

import numpy as np

from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SpanKind, SpanRow

random = np.random.default_rng(1)
with open_store(Path(sys.argv[1])) as store:
    for number in range(100):
        row = SpanRow(
            trace_id=f"{number * 2654435761 % 2**32:08x}" * 4,
            span_id=f"{number:016x}",
            kind=SpanKind.DETAIL,
            name="large",
            start_ns=number * 7919 % 100,
            end_ns=200,
            raw=random.bytes(4 * 1024 * 1024),
        )
        store.append(spans=[row])
    store.compact()
# Not ru_maxrss, which begins with that of the process that started this one.
status = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""
ROWS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 50), st.none() | st.binary(max_size=40)), min_size=1, max_size=12
)
"""Number of the span, start, raw."""


def span(number: int, start_ns: int, raw: bytes | None) -> SpanRow:
    return SpanRow(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        kind=SpanKind.DETAIL,
        name=str(number),
        start_ns=start_ns,
        end_ns=100,
        raw=raw,
    )


def test_a_hundred_spans_of_four_mebibytes_are_compacted_in_a_gigabyte(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HUGE_SPANS, str(tmp_path / "store")], capture_output=True, text=True, check=True
    )

    (segment,) = list_segments(tmp_path / "store" / "spans").live
    rows = pq.ParquetFile(segment.path)
    assert rows.metadata.num_rows == 100
    assert rows.metadata.row_group(0).num_rows < 10
    # The spans alone are 400 MiB, and took 2.5 GB when they went through the sort.
    assert int(done.stdout) * 1024 < 10**9


@settings(max_examples=40)
@given(st.lists(ROWS, min_size=2, max_size=4), st.booleans(), st.integers(1, 60))
def test_merged_spans_keep_their_last_value_wherever_it_was(
    rounds: list[list[tuple[int, int, bytes | None]]], large: bool, at_once_bytes: int
) -> None:
    last: dict[int, bytes] = {}
    starts: dict[int, int] = {}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(compaction, "_SMALL_BYTES", 0)
        patched.setattr(compaction, "_SIZE_RATIO", 0)
        patched.setattr(detached_values, "_LARGE_BYTES", 0 if large else 2**20)
        patched.setattr(detached_values, "_AT_ONCE_BYTES", at_once_bytes)
        root = Path(folder, "store")
        for rows in rounds:
            with open_store(root) as store:
                store.append(spans=[span(*row) for row in rows])
                store.compact()
            for number, start_ns, raw in rows:
                starts[number] = start_ns
                if raw is not None:
                    last[number] = raw
        patched.setattr(compaction, "_SMALL_BYTES", 2**30)
        assert len(list_segments(root / "spans").compacted) == len(rounds)
        assert merge_segments(root, SPANS)
        (segment,) = list_segments(root / "spans").live
        found = pq.read_table(segment.path, columns=["name", "start_ns", "raw", "trace_id"]).to_pylist()

    assert [(row["start_ns"], row["trace_id"]) for row in found] == sorted(
        (start_ns, f"{number:032x}") for number, start_ns in starts.items()
    )
    assert {int(row["name"]): row["raw"] for row in found} == {number: last.get(number) for number in starts}


def test_pruned_segments_keep_the_values_of_the_rows_that_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached_values, "_LARGE_BYTES", 0)
    with open_store(tmp_path) as store:
        store.append(spans=[span(number, number, bytes([number]) * 100) for number in range(10)])
        store.compact()
    (segment,) = list_segments(tmp_path / "spans").live
    gone = pq.read_table(segment.path, columns=["trace_id"]).slice(0, 4)

    assert retention.remove_rows(tmp_path, SPANS, gone) == 4
    found = pq.read_table(segment.path, columns=["name", "raw"]).to_pylist()
    assert [(row["name"], row["raw"]) for row in found] == [(str(n), bytes([n]) * 100) for n in range(4, 10)]
