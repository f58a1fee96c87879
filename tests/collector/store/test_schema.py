from __future__ import annotations

import struct
import zlib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from makespan_collector.store.embedded.log_segment import read_log
from makespan_collector.store.opening import FORMAT, open_store
from makespan_collector.store.rows import SampleRow, SpanRow
from makespan_collector.store.schema import SAMPLES, SPANS, TableSchema, joined_batch, span_batch, unnumbered_batch
from makespan_model import vocabulary as names
from makespan_model.executable_usage import render_executables
from makespan_model.records import ExecutableUsage, MemoryPeakSource, PressureSource, Sample, Usage
from support.span_rows import EPOCH, run_rows

TRACE, SPAN = "a1" * 16, "b2" * 8


def test_every_field_of_a_row_is_a_column_and_the_other_way_round() -> None:
    assert {field.name for field in fields(SpanRow)} == set(SPANS.columns.names) - {"seq"}
    assert {field.name for field in fields(SampleRow)} - {"repository"} == set(SAMPLES.columns.names) - {"seq"}


def test_every_field_of_usage_and_sample_has_a_name_to_travel_under_and_a_column() -> None:
    usage = {*names.USAGE_AMOUNTS, *names.USAGE_COUNTS, *names.USAGE_SOURCES, "executables"}
    assert {field.name for field in fields(Usage)} == usage
    assert usage <= set(SPANS.columns.names)
    assert {field.name for field in fields(Sample)} == {"time_ns", *names.SAMPLE_METRICS}
    assert set(names.SAMPLE_METRICS) <= set(SAMPLES.columns.names)


def test_everything_measured_comes_back_also_after_a_compaction(tmp_path: Path) -> None:
    usage = Usage(
        **{name: number + 0.5 for number, name in enumerate(names.USAGE_AMOUNTS)},  # type: ignore[arg-type]
        **{name: number + 1 for number, name in enumerate(names.USAGE_COUNTS)},
        memory_peak_source=MemoryPeakSource.PSS,
        pressure_source=PressureSource.CGROUP,
        executables=(ExecutableUsage("cc1plus", 3.5, 1000, 4), ExecutableUsage("unsampled", 0.5)),
    )
    sample = Sample(EPOCH, 1.0, 2, 3, 4.0, 5.0, 6.0, 7, 8.0, 9, 10.0, 11.0)
    values: dict[str, Any] = {field.name: getattr(usage, field.name) for field in fields(Usage)}
    values["executables"] = render_executables(usage.executables)
    rows = [replace(row, **values) if row.kind == "step" else row for row in run_rows("1", {"job": [("step", 0, 1)]})]
    row = SampleRow(
        trace_id=TRACE, span_id=SPAN, **{field.name: getattr(sample, field.name) for field in fields(Sample)}
    )

    with open_store(tmp_path / "store") as store:
        store.append(spans=rows, samples=[row])
        for _ in range(2):
            (run,) = store.runs()
            assert run.jobs[0].steps[0].usage == usage
            assert store.samples(TRACE, SPAN) == [sample]
            store.compact()


def _make_older(root: Path, table: TableSchema) -> None:
    """Turn every file of a table into what the first format wrote: without the columns added since."""
    for path in (root / table.name).glob("*.parquet"):
        pq.write_table(pq.read_table(path).select(table.first_columns.names), path)
    for path in (root / table.name).glob("*.log"):
        batches = b""
        for batch in read_log(path, table.columns).batches:
            payload = batch.select(table.first_columns.names).serialize().to_pybytes()
            batches += struct.pack("<II", len(payload), zlib.crc32(payload)) + payload
        path.write_bytes(b"MKSPLOG1" + batches)
    (root / "format").write_text("1\n")


def test_a_store_of_the_first_format_is_read_and_goes_on_in_the_newest(tmp_path: Path) -> None:
    root = tmp_path / "store"
    with open_store(root) as store:
        store.append(spans=run_rows("1", {"job": [("step", 0, 1)]}))
        store.append(
            samples=[SampleRow(trace_id=TRACE, span_id=SPAN, time_ns=1, cpu_cores=1, memory_bytes=2, processes=3)]
        )
        store.compact()
        store.append(spans=run_rows("2", {"job": [("step", 0, 1)]}, start_ns=EPOCH + 1))
    for table in (SPANS, SAMPLES):
        _make_older(root, table)

    with open_store(root, read_only=True) as reader:
        assert [run.identity.run_id for run in reader.runs()] == ["1", "2"]
        assert reader.samples(TRACE, SPAN) == [Sample(1, 1.0, 2, 3)]
    assert (root / "format").read_text() == "1\n"
    with open_store(root) as store:
        store.append(
            spans=[replace(row, host_cpus=4) for row in run_rows("3", {"job": [("step", 0, 1)]}, start_ns=EPOCH + 2)]
        )
        for _ in range(2):
            assert [run.jobs[0].steps[0].usage.host_cpus for run in store.runs()] == [None, None, 4]
            store.compact()
    assert (root / "format").read_text() == f"{FORMAT}\n"


def test_rows_and_batches_of_one_commit_are_numbered_in_their_order() -> None:
    first, second, third = (run_rows(str(number), {"job": [("step", 0, 1)]}) for number in range(3))

    batch = joined_batch(SPANS, [first, unnumbered_batch(SPANS, second), third], 7)
    assert batch is not None

    empty = dict.fromkeys(SPANS.columns.names)
    expected = span_batch([*first, *second, *third], 7).to_pylist()
    assert [{**empty, **row} for row in batch.to_pylist()] == expected
    assert joined_batch(SPANS, [first], 0).num_columns < len(SPANS.columns)  # type: ignore[union-attr]
