"""Spans as InfluxDB points, written column by column: most columns of most spans are empty, or repeat a few texts."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from makespan_collector.store.influx.points import (
    DETAIL_MEASUREMENT,
    NO_VALUE,
    TREE_MEASUREMENT,
    TREE_WINDOW_NS,
    escaped_tag,
    field_name,
    next_seq,
    place_of,
    shard_of,
    tag_value,
    text_field,
)
from makespan_collector.store.rows import RUN_TREE
from makespan_collector.store.schema import SPANS, Spans, unnumbered_batch
from makespan_model.records import RunState, pooled_path

_DETAIL_WINDOW_NS = 3_600 * 1_000_000_000
"""Details are found by trace and not by time, and thousands of a step may have one start: all tests of a report."""
_RAW_PART = 48_000
"""Bytes of a raw span in one field: 64,000 characters in base64, under the 64 KiB a string field may have."""
_AT_ONCE_BYTES = 64 * 1024 * 1024
"""Of spans whose lines are made at once; Arrow's texts are 2 GiB together at the most."""

_ENDED, _WAITING, _RUNNING = "ended", "waiting", "running"


def span_lines(spans: Spans) -> Iterator[str]:
    """Spans in line protocol: those of the tree of a run, and then the details."""
    batch = spans if isinstance(spans, pa.RecordBatch) else unnumbered_batch(SPANS, spans)
    first = next_seq()
    numbers = pa.array(np.arange(first, first + len(batch)))
    in_tree = pc.is_in(batch["kind"], value_set=pa.array([kind.value for kind in RUN_TREE]))
    for chosen, lines_of in ((in_tree, _tree_lines), (pc.invert(in_tree), _detail_lines)):
        part, seq = batch.filter(chosen), numbers.filter(chosen)
        step = max(1, min(len(part), _AT_ONCE_BYTES * len(part) // max(1, part.nbytes)))
        for start in range(0, len(part), step):
            yield from lines_of(part.slice(start, step), seq.slice(start, step)).to_pylist()


def _tree_lines(batch: pa.RecordBatch, seq: pa.Array) -> pa.Array:
    tags = {
        "kind": _tag(batch["kind"]),
        "provider": _tag(batch["provider"]),
        "repository": _tag(batch["repository"]),
        "pipeline": _tag(batch["pipeline"]),
        "job": _tag(batch["job_name"]),
        "step": _tag(batch["step_path"], pooled_path),
        "source": _tag(batch["source"]),
        # What outranks being written later has a point of its own: `merging.py` in the embedded store says what does.
        "phase": _tag(batch["state"].fill_null(_ENDED), _phase),
    }
    return _lines(TREE_MEASUREMENT, tags, _fields(batch, seq), _moved_ns(batch, TREE_WINDOW_NS))


def _detail_lines(batch: pa.RecordBatch, seq: pa.Array) -> pa.Array:
    tags = {"kind": _tag(batch["kind"]), "shard": _tag(batch["trace_id"], shard_of)}
    return _lines(DETAIL_MEASUREMENT, tags, _fields(batch, seq), _moved_ns(batch, _DETAIL_WINDOW_NS))


def _lines(measurement: str, tags: dict[str, pa.Array], fields: list[pa.Array], times_ns: pa.Array) -> pa.Array:
    told: list[Any] = [measurement]
    for name in sorted(tags):
        told += [f",{name}=", tags[name]]
    joined = pc.binary_join_element_wise(*fields, ",", null_handling="skip")
    return pc.binary_join_element_wise(*told, " ", joined, " ", times_ns.cast(pa.string()), "")


def _tag(values: pa.Array, meaning: Callable[[str], str] = str) -> pa.Array:
    """A column as values of a tag."""
    coded = values.fill_null("").dictionary_encode()
    texts = [escaped_tag(tag_value(meaning(text) if text else NO_VALUE)) for text in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)


def _phase(state: str) -> str:
    if state == _ENDED:
        return _ENDED
    return _WAITING if state == RunState.PENDING else _RUNNING


def _fields(batch: pa.RecordBatch, seq: pa.Array) -> list[pa.Array]:
    """`name=value` of each row and column; null where there is no value, or one that InfluxDB cannot hold."""
    fields = [pc.binary_join_element_wise(f"{field_name('seq')}=", seq.cast(pa.string()), "i", "")]
    for column in list(SPANS.columns)[1:]:
        values = batch[column.name]
        if values.null_count < len(values):
            name = f"{field_name(column.name)}="
            fields.append(_raw_fields(values) if column.name == "raw" else _field(name, values))
    return fields


def _field(name: str, values: pa.Array) -> pa.Array:
    if pa.types.is_integer(values.type):
        return pc.binary_join_element_wise(name, values.cast(pa.string()), "i", "")
    if pa.types.is_floating(values.type):
        # Neither is a value InfluxDB can hold; no decoder lets them in, an importer might.
        values = pc.if_else(pc.is_finite(values), values, None)
        return pc.binary_join_element_wise(name, values.cast(pa.string()), "")
    if pa.types.is_list(values.type):
        lists = values.to_pylist()
        values = pa.array([None if value is None else json.dumps(value) for value in lists], pa.string())
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    return pc.binary_join_element_wise(f'{name}"', escaped, '"', "")


def _raw_fields(values: pa.Array) -> pa.Array:
    return pa.array([None if value is None else _raw(value) for value in values.to_pylist()], pa.string())


def _raw(value: bytes) -> str:
    """A raw span as fields, each of which InfluxDB can hold."""
    parts = [value[start : start + _RAW_PART] for start in range(0, max(len(value), 1), _RAW_PART)]
    fields = [f"raw_{number}={text_field(base64.b64encode(part).decode())}" for number, part in enumerate(parts)]
    # A shorter one that is written over a longer one leaves the longer one's last parts where they are.
    return ",".join([*fields, f"raw_parts={len(parts)}i"])


def _moved_ns(batch: pa.RecordBatch, window_ns: int) -> pa.Array:
    """The instant each span has for its own: `points.moved_ns`."""
    ids = zip(batch["trace_id"].to_pylist(), batch["span_id"].to_pylist(), strict=True)
    places = np.fromiter((place_of(*pair) % window_ns for pair in ids), np.int64, len(batch))
    times = batch["start_ns"].to_numpy()
    return pa.array(times - times % window_ns + places)
