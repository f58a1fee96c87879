from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan_collector.store import series
from makespan_collector.store.contract import Store
from makespan_collector.store.embedded import compaction, sample_queries
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SampleRow, SpanKind, SpanRow
from support.span_rows import EPOCH, SECOND, run_rows

JOBS = {"test": [("install", 0, 3), ("pytest", 3, 9)]}
READINGS = st.tuples(st.integers(0, 1), st.integers(0, 9), st.none() | st.floats(0, 100))
"""Number of the step, second, CPU cores."""


def readings(step: SpanRow, cores: float = 1.0, memory_bytes: int | None = 100) -> list[SampleRow]:
    """One reading a second, with rising CPU."""
    return [
        SampleRow(
            trace_id=step.trace_id,
            span_id=step.span_id,
            time_ns=time_ns,
            cpu_cores=cores + (time_ns - step.start_ns) / SECOND,
            memory_bytes=memory_bytes,
        )
        for time_ns in range(step.start_ns, step.end_ns, SECOND)
    ]


def steps_of(rows: list[SpanRow]) -> list[SpanRow]:
    return [row for row in rows if row.kind is SpanKind.STEP]


def fill(store: Store) -> None:
    for number in range(2):
        rows = run_rows(str(number), JOBS, start_ns=EPOCH + number * 5 * SECOND)
        store.append(spans=rows, samples=[reading for step in steps_of(rows) for reading in readings(step, number)])


def told(store: Store) -> list[tuple[str, int, int, list[float]]]:
    rows = store.sample_quantiles(quantiles=(0.0, 0.5, 1.0), metrics=["cpu_cores"]).to_pylist()
    return [(row["step"], row["step_runs"], row["samples"], row["cpu_cores"]) for row in rows]


EXPECTED = [
    ("install", 2, 6, [0.0, median([0, 1, 2, 1, 2, 3]), 3.0]),
    ("pytest", 2, 12, [0.0, median([*range(6), *range(1, 7)]), 6.0]),
]


@pytest.mark.parametrize("compacted", [False, True])
def test_quantiles_are_those_of_the_samples_of_all_runs_of_a_step(store: Store, compacted: bool) -> None:
    fill(store)
    if compacted:
        store.compact()

    assert told(store) == EXPECTED
    everything = store.sample_quantiles()
    assert everything.schema.equals(series.quantiles_schema(["cpu_cores", "memory_bytes"]))
    assert everything["memory_bytes"].to_pylist() == [[100.0] * 3] * 2


def test_a_sample_that_came_twice_counts_once_wherever_its_rows_are(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "_SMALL_BYTES", 0)
    monkeypatch.setattr(compaction, "_SIZE_RATIO", 0)
    again = steps_of(run_rows("0", JOBS))
    fill(store)
    store.compact()
    for step in again:
        store.append(samples=readings(step, 0))
    assert told(store) == EXPECTED

    store.compact()
    assert len(list((tmp_path / "store" / "samples").glob("*.parquet"))) == 2
    assert told(store) == EXPECTED
    store.append(samples=readings(again[1], 0))
    assert told(store) == EXPECTED


def test_parts_of_a_reading_that_came_separately_are_one_sample(store: Store) -> None:
    rows = run_rows("0", JOBS)
    (install, _) = steps_of(rows)
    store.append(spans=rows, samples=[replace(row, cpu_cores=None) for row in readings(install)])
    store.append(samples=[replace(row, memory_bytes=None) for row in readings(install)])

    (row,) = store.sample_quantiles(quantiles=[0.5]).to_pylist()
    assert (row["samples"], row["cpu_cores"], row["memory_bytes"]) == (3, [2.0], [100.0])


def test_samples_of_other_pipelines_and_times_are_left_out(store: Store) -> None:
    fill(store)
    other = run_rows("9", JOBS, pipeline="release")
    store.append(spans=other, samples=readings(steps_of(other)[0], 50))

    (release,) = store.sample_quantiles(pipeline="release", quantiles=[0.0], metrics=["cpu_cores"]).to_pylist()
    assert (release["step"], release["cpu_cores"]) == ("install", [50.0])
    later = store.sample_quantiles(pipeline="ci", since_ns=EPOCH + SECOND, quantiles=[0.0], metrics=["cpu_cores"])
    assert later["cpu_cores"].to_pylist() == [[1.0], [1.0]]


@pytest.mark.parametrize("wrong", [{"quantiles": [1.5]}, {"quantiles": []}, {"metrics": ["raw; DROP"]}])
def test_what_cannot_be_asked_is_refused(store: Store, wrong: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match=r"quantiles lie between|samples have no 'raw; DROP'"):
        store.sample_quantiles(**wrong)  # type: ignore[arg-type]


def test_steps_whose_keys_are_the_same_are_told_apart_by_their_ids(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    store.compact()
    monkeypatch.setattr(sample_queries, "step_keys", lambda ids, _: np.zeros(len(ids), np.uint64))

    assert told(store) == EXPECTED


@settings(max_examples=25)
@given(st.lists(st.tuples(st.lists(READINGS, max_size=12), st.booleans()), max_size=5))
def test_quantiles_are_those_of_the_last_word_about_each_reading(
    rounds: list[tuple[list[tuple[int, int, float | None]], bool]],
) -> None:
    """Whatever came when, and wherever it is: in logs, in segments, or in both."""
    steps = steps_of(run_rows("0", JOBS))
    known: dict[tuple[int, int], float] = {}
    seen: set[tuple[int, int]] = set()
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(compaction, "_SMALL_BYTES", 0)
        with open_store(Path(folder, "store")) as opened:
            opened.append(spans=run_rows("0", JOBS))
            for readings_, compacted in rounds:
                rows = [
                    SampleRow(
                        trace_id=steps[step].trace_id,
                        span_id=steps[step].span_id,
                        time_ns=EPOCH + time_s * SECOND,
                        cpu_cores=value,
                    )
                    for step, time_s, value in readings_
                ]
                opened.append(samples=rows)
                for step, time_s, value in readings_:
                    seen.add((step, time_s))
                    if value is not None:
                        known[step, time_s] = value
                if compacted:
                    opened.compact()
            found = opened.sample_quantiles(quantiles=[0.0, 0.3, 1.0], metrics=["cpu_cores"]).to_pylist()

    expected = []
    for step in sorted({step for step, _ in seen}):
        values = [value for (owner, _), value in known.items() if owner == step]
        quantiles = np.quantile(values, [0.0, 0.3, 1.0]).tolist() if values else None
        expected.append((steps[step].name, sum(owner == step for owner, _ in seen), quantiles))
    assert [(row["step"], row["samples"], row["cpu_cores"]) for row in found] == [
        (name, count, None if quantiles is None else pytest.approx(quantiles)) for name, count, quantiles in expected
    ]
