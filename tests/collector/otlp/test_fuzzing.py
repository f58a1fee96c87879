"""Whatever bytes arrive: a request is decoded or refused in the documented way, and leaves the store readable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from makespan_collector.otlp.json_messages import JsonRequestError
from makespan_collector.otlp.sample_columns import decode_sample_columns
from makespan_collector.otlp.span_columns import decode_span_columns
from makespan_collector.receiving.signals import LOGS, METRICS, SIGNALS, TRACES, Contents, NothingKeptError, Signal
from makespan_collector.store.opening import open_store
from makespan_model import vocabulary as names
from support import emitter_spans
from support.span_rows import EPOCH, key_value, step_request


def _metrics() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    for name in names.SAMPLE_METRICS.values():
        points = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name).gauge.data_points
        point = points.add(time_unix_nano=EPOCH, as_double=1.0)
        point.attributes.extend([key_value(names.TRACE_ID, "a1" * 16), key_value(names.SPAN_ID, "b2" * 8)])
    return request


def _logs() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, time_unix_nano=EPOCH, severity_text="INFO")
    return request


def _traces() -> ExportTraceServiceRequest:
    request = step_request()
    for requests in (emitter_spans.github_receiver, emitter_spans.jenkins, emitter_spans.conventions):
        for one in requests():
            request.MergeFrom(one)
    return request


VALID: dict[Signal, Message] = {TRACES: _traces(), METRICS: _metrics(), LOGS: _logs()}


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes overwritten, cut out, doubled or put in, and perhaps the end cut off."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(found) - 1)))
        size = draw(st.integers(0, 12))
        with_what = draw(st.binary(max_size=12) | st.just(bytes(found[place : place + size])))
        found[place : place + draw(st.sampled_from([0, size, len(with_what)]))] = with_what
    return bytes(found[: draw(st.just(len(found)) | st.integers(0, len(found)))])


def _decoded(decode: Callable[[bytes], Contents], data: bytes) -> Contents | None:
    try:
        return decode(data)
    except (DecodeError, JsonRequestError, NothingKeptError) as error:
        if not str(error):
            raise
        return None


def _check(contents: Contents | None) -> None:
    if contents is None:
        return
    assert contents.rejected >= 0
    assert bool(contents.reason) >= bool(contents.rejected)
    for part in (contents.spans, contents.samples):
        if isinstance(part, pa.RecordBatch):
            part.validate(full=True)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200))
@example(b"")
@example(b"\x0a\xff\xff\xff\xff\x0f")
@example(b"\x0b" * 200)
def test_any_bytes_are_decoded_or_refused(signal: Signal, data: bytes) -> None:
    _check(_decoded(signal.decode, data))
    _check(_decoded(lambda data: signal.decode(signal.from_json(data)), data))


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(draw=st.data())
def test_damaged_requests_are_decoded_or_refused(signal: Signal, draw: st.DataObject) -> None:
    data = draw.draw(damaged(VALID[signal].SerializeToString()))

    _check(_decoded(signal.decode, data))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(draw=st.data())
def test_the_column_decoders_raise_nothing_but_value_errors(draw: st.DataObject) -> None:
    spans = draw.draw(damaged(VALID[TRACES].SerializeToString()))
    points = draw.draw(damaged(VALID[METRICS].SerializeToString()))
    for decode, request, data in (
        (decode_span_columns, ExportTraceServiceRequest, spans),
        (decode_sample_columns, ExportMetricsServiceRequest, points),
    ):
        try:
            # The receivers never hand on what protobuf refuses.
            request.FromString(data)
            found = decode(data)
        except (DecodeError, ValueError):
            continue
        if found is not None:
            found.batch.validate(full=True)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@settings(max_examples=100, deadline=None)
@given(draw=st.data())
def test_damaged_json_is_decoded_or_refused(signal: Signal, draw: st.DataObject) -> None:
    content = MessageToDict(VALID[signal], use_integers_for_enums=True)
    data = draw.draw(damaged(json.dumps(content).encode()[:6000]))

    _check(_decoded(lambda data: signal.decode(signal.from_json(data)), data))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(draw=st.data())
def test_what_is_kept_of_damaged_requests_leaves_the_store_readable(
    draw: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path: Path = tmp_path_factory.mktemp("store") / "store"
    data = draw.draw(damaged(VALID[TRACES].SerializeToString()))
    with open_store(path) as store:
        contents = _decoded(TRACES.decode, data)
        if contents is not None:
            contents.keep(store)
        for run in store.runs():
            assert run.end_ns >= run.start_ns
        store.compact()
        store.runs()


def _span_of_many_attributes(count: int) -> bytes:
    request = step_request()
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    for number in range(count):
        attributes.add(key=f"key {number}")
    return bytes(request.SerializeToString())


def test_a_span_of_a_few_thousand_attributes_is_kept_like_any_other() -> None:
    contents = TRACES.decode(_span_of_many_attributes(5_000))

    assert (len(contents.spans), contents.rejected) == (1, 0)


@pytest.mark.parametrize("others", [0, 100])
def test_a_span_of_a_million_attributes_is_rejected(others: int) -> None:
    request = ExportTraceServiceRequest.FromString(_span_of_many_attributes(1_000_000))
    for number in range(1, others + 1):
        one = request.resource_spans.add()
        one.CopyFrom(step_request().resource_spans[0])
        one.scope_spans[0].spans[0].span_id = number.to_bytes(8, "big")

    data = request.SerializeToString()
    if not others:
        with pytest.raises(NothingKeptError, match="attributes; at most 10000 are kept"):
            TRACES.decode(data)
    else:
        contents = TRACES.decode(data)
        assert (len(contents.spans), contents.rejected) == (others, 1)
        assert "attributes; at most 10000 are kept" in contents.reason


@pytest.mark.parametrize(
    ("signal", "item"),
    [
        (TRACES, b"\x12\x00"),  # an empty span, point or record of two bytes each
        (METRICS, b"\x12\x00"),
        (LOGS, b"\x12\x00"),
    ],
    ids=["traces", "metrics", "logs"],
)
def test_a_request_of_millions_of_empty_items_is_refused_whole(signal: Signal, item: bytes) -> None:
    scope = item * 2_000_000
    for number in (2, 1):
        scope = bytes([number << 3 | 2]) + _varint(len(scope)) + scope

    with pytest.raises(DecodeError, match="more than 131072 items"):
        signal.decode(scope)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
