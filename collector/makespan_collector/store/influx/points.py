"""Rows as InfluxDB points, and points as rows again.

Tags are what a series is indexed by, so only what is bounded becomes one: the repository, pipeline, job and step a
span is of, its source, and whether it was still running. Run, trace and span ids, commits, branches and people are
fields: a million runs have as many series as ten. Everything else that a row holds is a field under its column's
name, of one type for ever, as InfluxDB refuses a field that changes its type.

Two points of one series at one instant are one point. Times are therefore moved within their millisecond by a digest
of the span id; `start_ns` keeps the exact one. A row that is sent again lands on the same point, and its fields merge.
"""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from makespan_collector.store.rows import RUN_TREE
from makespan_collector.store.schema import SAMPLES, SPANS, Samples, Spans, TableSchema
from makespan_model.records import pooled_path

TREE_MEASUREMENT: Final = "span"
"""Runs, jobs and steps."""
DETAIL_MEASUREMENT: Final = "detail"
"""Everything else of a trace: tests, file accesses, log records, what steps emitted."""
SAMPLE_MEASUREMENT: Final = "sample"

_TREE_TAGS = ("kind", "provider", "repository", "pipeline", "job", "step", "source", "running")
_MILLISECOND_NS = 1_000_000
_RAW_PART = 48_000
"""Bytes of a raw span in one field: 64,000 characters in base64, under the 64 KiB a string field may have."""
_NO_VALUE = "-"
"""A tag cannot be empty."""


def shard_of(trace_id: str) -> str:
    """A tag that narrows a search by trace to a 256th of the points, and never becomes more than 256 series."""
    return trace_id[:2]


def span_lines(spans: Spans) -> Iterator[str]:
    """Spans in line protocol."""
    rows = spans.to_pylist() if isinstance(spans, pa.RecordBatch) else [_as_dict(SPANS, row) for row in spans]
    tree = {kind.value for kind in RUN_TREE}
    for number, row in enumerate(rows):
        seq = time.time_ns() + number
        time_ns = _moved(row["start_ns"], row["span_id"])
        if row["kind"] in tree:
            tags = {
                "kind": row["kind"],
                "provider": row["provider"],
                "repository": row["repository"],
                "pipeline": row["pipeline"],
                "job": row["job_name"],
                "step": None if row["step_path"] is None else pooled_path(row["step_path"]),
                "source": row["source"],
                "running": "no" if row["state"] is None else "yes",
            }
            yield _line(TREE_MEASUREMENT, tags, _fields(SPANS, row, seq), time_ns)
        else:
            tags = {"kind": row["kind"], "shard": shard_of(row["trace_id"])}
            yield _line(DETAIL_MEASUREMENT, tags, _fields(SPANS, row, seq), time_ns)


def sample_lines(samples: Samples) -> Iterator[str]:
    """Samples in line protocol; parts of one reading are fields of one point."""
    rows = samples.to_pylist() if isinstance(samples, pa.RecordBatch) else [_as_dict(SAMPLES, row) for row in samples]
    for number, row in enumerate(rows):
        time_ns = _moved(row["time_ns"], row["span_id"])
        fields = _fields(SAMPLES, row, time.time_ns() + number)
        yield _line(SAMPLE_MEASUREMENT, {"shard": shard_of(row["trace_id"])}, fields, time_ns)


def rows_of(table: TableSchema, points: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Points as a table with the columns of the embedded store, so that the same questions can be asked of it."""
    readers = [(field.name, _reader(field.type)) for field in table.columns]
    columns: dict[str, list[Any]] = {name: [] for name, _ in readers}
    for point in points:
        for name, read in readers:
            value = _raw(point) if name == "raw" else point.get(_field_name(name))
            columns[name].append(None if value is None else read(value))
    return pa.table([pa.array(columns[field.name], field.type) for field in table.columns], schema=table.columns)


def quoted(text: str) -> str:
    """A text as an InfluxQL string: nothing in it can end the string.

    InfluxQL strings know the escapes of backslash, single quote and line feed alone.
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def tag_value(text: str | None) -> str:
    """A value as it is stored in a tag: empty ones, line ends and trailing backslashes cannot be."""
    cleaned = (text or _NO_VALUE).replace("\n", " ").replace("\r", " ")
    return f"{cleaned} " if cleaned.endswith("\\") else cleaned


def _field_name(column: str) -> str:
    """Under which field a column is: those that are tags too have a field of their own for the exact value."""
    return f"{column}_" if column in _TREE_TAGS or column == "time" else column


def _fields(table: TableSchema, row: Mapping[str, Any], seq: int) -> dict[str, str]:
    fields = {_field_name("seq"): f"{seq}i"}
    for field in list(table.columns)[1:]:
        value = row[field.name]
        if value is None:
            continue
        if field.name == "raw":
            for number in range(0, max(len(value), 1), _RAW_PART):
                part = base64.b64encode(value[number : number + _RAW_PART]).decode()
                fields[f"raw_{number // _RAW_PART}"] = _text(part)
            continue
        written = _writer(field.type)(value)
        if written is not None:
            fields[_field_name(field.name)] = written
    return fields


def _raw(point: Mapping[str, Any]) -> bytes | None:
    parts: list[bytes] = []
    while (part := point.get(f"raw_{len(parts)}")) is not None:
        parts.append(base64.b64decode(part))
    return b"".join(parts) if parts else None


def _writer(kind: Any) -> Callable[[Any], str | None]:
    if pa.types.is_integer(kind):
        return lambda value: f"{int(value)}i"
    if pa.types.is_floating(kind):
        # Neither is a value InfluxDB can hold; no decoder lets them in, an importer might.
        return lambda value: repr(float(value)) if math.isfinite(value) else None
    if pa.types.is_list(kind):
        return lambda value: _text(json.dumps(list(value)))
    return lambda value: _text(str(value))


def _reader(kind: Any) -> Callable[[Any], Any]:
    if pa.types.is_integer(kind):
        return int
    if pa.types.is_floating(kind):
        return float
    if pa.types.is_list(kind):
        return lambda value: json.loads(value)
    return lambda value: value


def _line(measurement: str, tags: Mapping[str, str | None], fields: Mapping[str, str], time_ns: int) -> str:
    tagged = "".join(f",{key}={_escaped_tag(tag_value(tags[key]))}" for key in sorted(tags))
    return f"{measurement}{tagged} {','.join(f'{key}={value}' for key, value in fields.items())} {time_ns}"


def _escaped_tag(value: str) -> str:
    return value.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def _text(value: str) -> str:
    # NUL ends a line early in some servers, and means nothing in a name.
    return '"' + value.replace("\0", " ").replace("\\", "\\\\").replace('"', '\\"') + '"'


def _moved(time_ns: int, span_id: str) -> int:
    """The instant within the same millisecond that this span has for its own."""
    return time_ns - time_ns % _MILLISECOND_NS + int(span_id, 16) % _MILLISECOND_NS


def _as_dict(table: TableSchema, row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in table.columns.names[1:]}
