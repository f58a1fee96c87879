from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from makespan_collector.otlp.span_columns import decode_span_columns
from makespan_collector.otlp.traces import decode_traces
from makespan_collector.store.rows import SpanRow
from makespan_collector.store.schema import SPANS, span_batch
from makespan_model import vocabulary as names

KEYS = sorted(
    {
        value
        for name, value in vars(names).items()
        if name.isupper() and isinstance(value, str) and not name.startswith(("TEST", "FILES", "METRIC"))
    }
)
WORDS = ["run", "job", "step", "test", "detail", "success", "failure", "uses", "rss", "host", "hit", "pending", "x", ""]
PROCESSES = '[{"name": "cc", "cpu_s": 1.5}]'


@st.composite
def attributes(draw: st.DrawFn, keys: list[str]) -> KeyValue:
    attribute = KeyValue(key=draw(st.sampled_from(keys)))
    kind = draw(st.sampled_from(["text", "text", "text", "whole", "number", "truth", "list", "bytes", "nothing"]))
    value = attribute.value
    if kind == "text":
        value.string_value = draw(st.sampled_from([*WORDS, PROCESSES]) | st.text(max_size=5))
    elif kind == "whole":
        value.int_value = draw(st.integers(-2, 5) | st.integers(-(2**63), 2**63 - 1))
    elif kind == "number":
        value.double_value = draw(st.floats())
    elif kind == "truth":
        value.bool_value = draw(st.booleans())
    elif kind == "list":
        value.array_value.SetInParent()
        for item in draw(st.lists(st.sampled_from(["a", "b", None]), max_size=3)):
            one = value.array_value.values.add()
            if item is None:
                one.int_value = 1
            else:
                one.string_value = item
    elif kind == "bytes":
        value.bytes_value = b"x"
    return attribute


GOOD = {
    names.PROVIDER: "github",
    names.REPOSITORY: "octo/app",
    names.PIPELINE_NAME: "ci",
    names.PIPELINE_RUN_ID: "1",
    names.JOB_NAME: "test (3.12)",
    names.JOB_ID: "test",
    names.STEP_PATH: "#1",
}


def _add(target: Any, key: str, value: str) -> None:
    target.attributes.add(key=key).value.string_value = value


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """Anything a sender could say, mostly near to what an agent says."""
    request = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(0, 3))):
        resource_spans = request.resource_spans.add()
        for key in draw(st.sets(st.sampled_from(sorted(GOOD)))):
            _add(resource_spans.resource, key, GOOD[key])
        resource_spans.resource.attributes.extend(draw(st.lists(attributes(KEYS), max_size=2)))
        for _ in range(draw(st.integers(0, 2))):
            scope_spans = resource_spans.scope_spans.add()
            for _ in range(draw(st.integers(0, 4))):
                _span(draw, scope_spans.spans.add())
    return request


def _span(draw: st.DrawFn, span: Span) -> None:
    good = draw(st.integers(0, 9)) > 0
    span.trace_id = bytes([draw(st.integers(1, 255))]) * 16 if good else draw(st.binary(max_size=17))
    span.span_id = bytes([draw(st.integers(1, 255))]) * 8 if good else draw(st.binary(max_size=9))
    span.parent_span_id = draw(st.sampled_from([b"", b"\1" * 8, b"\0" * 8, b"\1" * 7])) if not good else b""
    span.name = draw(st.sampled_from(["Run tests", "", "é"]))
    span.start_time_unix_nano = draw(st.integers(1, 5) | st.just(0) | st.integers(2**63, 2**64 - 1))
    span.end_time_unix_nano = draw(st.integers(5, 9) | st.just(0) | st.integers(2**63, 2**64 - 1))
    span.status.code = draw(st.integers(0, 2))  # type: ignore[assignment]
    if draw(st.booleans()):
        span.status.message = "why"
    kind = draw(st.sampled_from(["run", "job", "step", "step", "test", "files", "odd", None]))
    if kind is not None:
        _add(span, names.SPAN_TYPE, kind)
    for key in draw(st.sets(st.sampled_from(sorted(GOOD)))):
        _add(span, key, GOOD[key])
    span.attributes.extend(draw(st.lists(attributes(KEYS), max_size=4)))


@settings(max_examples=400, deadline=None)
@given(requests())
def test_columns_hold_what_the_row_decoder_says(request: ExportTraceServiceRequest) -> None:
    expected = decode_traces(request)
    found = decode_span_columns(request.SerializeToString())

    assert found.batch.schema.equals(SPANS.columns.remove(0))
    found.batch.validate(full=True)
    assert _sorted(found.batch.to_pylist()) == _sorted(_as_columns(expected.rows))
    assert found.rejected == expected.rejected
    assert bool(found.reason) == bool(expected.rejected)


def test_ordinary_spans_of_an_agent_never_need_the_row_decoder() -> None:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    for key, value in GOOD.items():
        _add(resource_spans.resource, key, value)
    spans = resource_spans.scope_spans.add().spans
    for number, kind in enumerate(["run", "job", "step", None]):
        span = spans.add(
            trace_id=b"\1" * 16, span_id=bytes([number + 1]) * 8, start_time_unix_nano=1, end_time_unix_nano=2
        )
        if kind:
            _add(span, names.SPAN_TYPE, kind)
        span.attributes.add(key=names.CPU_USER_S).value.double_value = 1.5
        span.attributes.add(key=names.JOB_NEEDS).value.array_value.values.add().string_value = "build"

    found = decode_span_columns(request.SerializeToString())

    assert (found.batch.num_rows, found.unusual, found.rejected) == (4, 0, 0)
    assert found.batch.column("cpu_user_s").to_pylist() == [None, None, 1.5, None]
    assert found.batch.column("needs").to_pylist() == [None, ["build"], None, None]


@pytest.mark.parametrize("kind", ["test", "files"])
def test_spans_below_a_step_go_to_the_row_decoder_and_their_rejection_is_told(kind: str) -> None:
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(name="one", trace_id=b"\1" * 16, span_id=b"\2" * 8, start_time_unix_nano=1, end_time_unix_nano=2)
    )
    _add(span, names.SPAN_TYPE, kind)

    found = decode_span_columns(request.SerializeToString())

    assert (found.batch.num_rows, found.rejected) == (0, 1)
    assert "must have the step's span as its parent" in found.reason


def _as_columns(rows: tuple[SpanRow, ...]) -> list[dict[str, Any]]:
    return [{**row, "seq": None} for row in span_batch(rows, 0).to_pylist()] if rows else []


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted((key, value) for key, value in row.items() if key != "seq")) for row in rows)
