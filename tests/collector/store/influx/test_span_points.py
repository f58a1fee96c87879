from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import fields
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.store.influx import span_points
from makespan_collector.store.influx.points import field_name, line, moved_ns, text_field
from makespan_collector.store.influx.span_points import span_lines
from makespan_collector.store.rows import RUN_TREE, SpanKind, SpanRow
from makespan_collector.store.schema import SPANS, unnumbered_batch
from makespan_model.records import RunState, pooled_path

SEQ = re.compile(r" seq=(\d+)i,")
TEXTS = st.none() | st.text(st.sampled_from('aé ,=\\"\n\0'), max_size=6)
IDS = (st.text("0123456789abcdef", min_size=size, max_size=size) for size in (32, 16))
TRACE_IDS, SPAN_IDS = IDS
TIMES_NS = st.integers(0, 2**62)
SPANS_TOLD = st.builds(
    SpanRow,
    trace_id=TRACE_IDS,
    span_id=SPAN_IDS,
    kind=st.sampled_from(SpanKind),
    name=st.text(max_size=5),
    start_ns=TIMES_NS,
    end_ns=TIMES_NS,
    provider=TEXTS,
    repository=TEXTS,
    pipeline=TEXTS,
    job_name=TEXTS,
    source=TEXTS,
    attempt=st.none() | st.integers(0, 2**31 - 1),
    step_path=TEXTS | st.just("pytest@1700000000000000000"),
    state=st.none() | st.sampled_from(RunState),
    needs=st.none() | st.lists(st.text(max_size=3), max_size=3).map(tuple),
    cpu_user_s=st.none() | st.floats(),
    memory_peak_bytes=st.none() | st.integers(0, 2**62),
    raw=st.none() | st.binary(max_size=25),
)
RAW_PART = 10


def reference(row: SpanRow) -> str:
    """One span at a time, without its number."""
    ids = (row.trace_id, row.span_id)
    told: dict[str, str] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if value is not None:
            told |= written(field.name, value)
    if row.kind not in RUN_TREE:
        tags: dict[str, str | None] = {"kind": row.kind, "shard": row.trace_id[:2]}
        return line("detail", tags, told, moved_ns(row.start_ns, 3_600 * 10**9, *ids))
    phase = "ended" if row.state is None else "waiting" if row.state == RunState.PENDING else "running"
    tags = {
        "kind": row.kind,
        "provider": row.provider,
        "repository": row.repository,
        "pipeline": row.pipeline,
        "job": row.job_name,
        "step": None if row.step_path is None else pooled_path(row.step_path),
        "source": row.source,
        "phase": phase,
    }
    return line("span", tags, told, moved_ns(row.start_ns, 10**9, *ids))


def written(name: str, value: Any) -> dict[str, str]:
    if name == "raw":
        parts = [value[start : start + RAW_PART] for start in range(0, max(1, len(value)), RAW_PART)]
        found = {f"raw_{number}": text_field(base64.b64encode(part).decode()) for number, part in enumerate(parts)}
        return found | {"raw_parts": f"{len(parts)}i"}
    kind = SPANS.columns.field(name).type
    if pa.types.is_integer(kind):
        return {field_name(name): f"{value}i"}
    if pa.types.is_floating(kind):
        return {field_name(name): pa.scalar(value).cast(pa.string()).as_py()} if math.isfinite(value) else {}
    return {field_name(name): text_field(json.dumps(list(value)) if pa.types.is_list(kind) else str(value))}


@pytest.fixture(autouse=True, scope="module")
def short_parts() -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(span_points, "_RAW_PART", RAW_PART)
        yield


@given(st.lists(SPANS_TOLD, min_size=1, max_size=8))
def test_lines_say_what_each_span_says_alone(rows: list[SpanRow]) -> None:
    found = list(span_lines(rows))

    assert sorted(SEQ.sub(" ", told, count=1) for told in found) == sorted(map(reference, rows))
    assert list(map(without_seq, span_lines(unnumbered_batch(SPANS, rows)))) == list(map(without_seq, found))


@given(st.lists(SPANS_TOLD, min_size=2, max_size=8))
def test_of_two_rows_of_one_point_the_later_is_written_later(rows: list[SpanRow]) -> None:
    numbers = [int(SEQ.findall(told)[0]) for told in span_lines(rows)]
    details = sum(row.kind not in RUN_TREE for row in rows)
    tree = len(rows) - details

    assert sorted(numbers) == list(range(min(numbers), min(numbers) + len(rows)))
    assert numbers[:tree] == sorted(numbers[:tree])
    assert numbers[tree:] == sorted(numbers[tree:])


def test_spans_with_large_values_are_written_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_points, "_AT_ONCE_BYTES", 2_000)
    rows = [
        SpanRow(
            trace_id=f"{number:032x}",
            span_id=f"{number:016x}",
            kind=SpanKind.DETAIL,
            name="x",
            start_ns=1,
            end_ns=2,
            raw=bytes(1_000),
        )
        for number in range(7)
    ]

    assert list(map(without_seq, span_lines(rows))) == list(map(reference, rows))


def without_seq(told: str) -> str:
    return SEQ.sub(" ", told, count=1)
