from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from makespan_collector.store.contract import ReadsManySamples
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SampleRow
from support.span_rows import EPOCH, SECOND

TRACES = ("a" * 32, "b" * 32, "c" * 32)
STEPS = ("1" * 16, "2" * 16)


def reading(trace_id: str, span_id: str, second: int, cores: float | None = 1.0) -> SampleRow:
    return SampleRow(
        trace_id=trace_id,
        span_id=span_id,
        time_ns=EPOCH + second * SECOND,
        cpu_cores=cores,
        memory_bytes=second,
        processes=1,
    )


def test_whole_traces_read_the_same_as_step_by_step_also_when_sent_twice_and_compacted(tmp_path: Path) -> None:
    rows = [reading(trace, step, second) for trace in TRACES for step in STEPS for second in (3, 1, 2)]
    with open_store(tmp_path / "store") as store:
        store.append(samples=rows)
        store.append(samples=[replace(row, cpu_cores=2.0) for row in rows[:4]])
        store.append(samples=[reading(TRACES[0], STEPS[0], 4, cores=None)])
        assert isinstance(store, ReadsManySamples)
        for _ in range(2):
            found = store.samples_of(TRACES[:2])
            assert found == {(trace, step): store.samples(trace, step) for trace in TRACES[:2] for step in STEPS}
            assert [sample.memory_bytes for sample in found[TRACES[0], STEPS[0]]] == [1, 2, 3]
            store.compact()


def test_no_traces_have_no_samples(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        store.append(samples=[reading(TRACES[0], STEPS[0], 1)])
        assert isinstance(store, ReadsManySamples)
        assert store.samples_of([]) == {}
        assert store.samples_of(["f" * 32]) == {}
