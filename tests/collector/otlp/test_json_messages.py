from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from makespan_collector.otlp.json_messages import JsonRequestError, parse_json

SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "parentSpanId": "EEE19B7EC3C1B173",
    "name": "I'm a server span",
    "startTimeUnixNano": "1544712660000000000",
    "endTimeUnixNano": 1544712661000000000,
    "kind": 2,
    "attributes": [
        {"key": "text", "value": {"stringValue": "some"}},
        {"key": "whole", "value": {"intValue": "-5"}},
        {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": True}, {"doubleValue": 1}]}}},
        {"key": "bytes", "value": {"bytesValue": "AQI="}},
    ],
    "status": {"code": 2, "message": "no"},
    "somethingNew": {"deep": [1]},
}


def _parse(*spans: dict[str, Any]) -> ExportTraceServiceRequest:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}
    return parse_json(ExportTraceServiceRequest, json.dumps(body).encode())


def test_a_span_is_read_with_hexadecimal_ids_and_integers_of_both_forms() -> None:
    span = _parse(SPAN).resource_spans[0].scope_spans[0].spans[0]

    assert span.trace_id.hex() == SPAN["traceId"]
    assert span.parent_span_id.hex() == "eee19b7ec3c1b173"
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1544712660000000000, 1544712661000000000)
    assert (span.kind, span.status.code, span.status.message) == (2, 2, "no")
    values = {attribute.key: attribute.value for attribute in span.attributes}
    assert values["whole"].int_value == -5
    assert [item.WhichOneof("value") for item in values["list"].array_value.values] == ["bool_value", "double_value"]
    assert values["bytes"].bytes_value == b"\1\2"


def test_a_reading_and_a_log_record_are_read() -> None:
    point = {"timeUnixNano": "7", "asDouble": "NaN", "exemplars": [{"spanId": "eee19b7ec3c1b174"}]}
    metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [point]}}]}]}]}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}, "traceId": "01" * 16}]}]}]}

    metric = parse_json(ExportMetricsServiceRequest, json.dumps(metrics).encode()).resource_metrics[0]
    record = parse_json(ExportLogsServiceRequest, json.dumps(logs).encode()).resource_logs[0].scope_logs[0]

    read = metric.scope_metrics[0].metrics[0].gauge.data_points[0]
    assert read.as_double != read.as_double
    assert read.exemplars[0].span_id.hex() == "eee19b7ec3c1b174"
    assert (record.log_records[0].trace_id, record.log_records[0].body.string_value) == (b"\1" * 16, "x")


def test_an_empty_object_is_an_empty_request() -> None:
    assert parse_json(ExportTraceServiceRequest, b"{}") == ExportTraceServiceRequest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"traceId": "xyz"}, r"spans\[0\]\.traceId must be hexadecimal digits, not \"xyz\""),
        ({"traceId": 7}, "hexadecimal"),
        ({"spanId": "abc"}, "hexadecimal"),
        ({"startTimeUnixNano": "-1"}, "integer from 0"),
        ({"startTimeUnixNano": "1_0"}, "integer from 0"),
        ({"startTimeUnixNano": "9" * 100_000}, "integer from 0"),
        ({"startTimeUnixNano": 1.5}, "integer from 0"),
        ({"startTimeUnixNano": True}, "integer from 0"),
        ({"kind": "SPAN_KIND_SERVER"}, "integer from"),
        ({"name": 5}, "must be a string"),
        ({"name": "\ud800"}, "surrogates"),
        ({"attributes": {}}, "must be an array"),
        ({"attributes": ["x"]}, "must be an object"),
        ({"attributes": [{"value": {"bytesValue": "*"}}]}, "base64"),
        ({"attributes": [{"value": {"boolValue": 1}}]}, "true or false"),
        ({"attributes": [{"value": {"doubleValue": "much"}}]}, "a number"),
        ({"attributes": [{"value": {"doubleValue": 10**400}}]}, "64 bits"),
        ({"status": []}, "must be an object"),
    ],
)
def test_a_value_its_field_cannot_hold_is_refused_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(JsonRequestError, match=message):
        _parse({**SPAN, **change})


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"null", b"{", b"\xff\xfe", b'{"a": NaN}', b"{}x"])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(JsonRequestError):
        parse_json(ExportTraceServiceRequest, body)


@pytest.mark.parametrize("depth", [100, 200_000])
def test_values_nested_too_deeply_are_refused(depth: int) -> None:
    value = b'{"arrayValue":{"values":[' * depth + b"]}}" * depth
    body = b'{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":' + value + b"}]}}]}"

    with pytest.raises(JsonRequestError, match="deep"):
        parse_json(ExportTraceServiceRequest, body)


_any_value = st.recursive(
    st.one_of(
        st.fixed_dictionaries({"stringValue": st.text(st.characters(exclude_categories=["Cs"]))}),
        st.fixed_dictionaries({"intValue": st.integers(-(2**63), 2**63 - 1).map(str)}),
        st.fixed_dictionaries({"doubleValue": st.floats(allow_nan=False, allow_infinity=False)}),
        st.fixed_dictionaries({"bytesValue": st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode())}),
    ),
    lambda inner: st.fixed_dictionaries({"arrayValue": st.fixed_dictionaries({"values": st.lists(inner, max_size=3)})}),
    max_leaves=5,
)


@given(st.lists(_any_value, max_size=4), st.binary(min_size=16, max_size=16))
def test_apart_from_the_ids_it_reads_what_protobuf_reads(values: list[dict[str, Any]], trace_id: bytes) -> None:
    span = {"name": "n", "attributes": [{"key": str(number), "value": value} for number, value in enumerate(values)]}
    theirs = {
        "resourceSpans": [{"scopeSpans": [{"spans": [{**span, "traceId": base64.b64encode(trace_id).decode()}]}]}]
    }

    assert _parse({**span, "traceId": trace_id.hex()}) == json_format.ParseDict(theirs, ExportTraceServiceRequest())


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = ["resourceSpans", "scopeSpans", "spans", "attributes", "value", "stringValue", "traceId", "status"]
    return st.dictionaries(st.sampled_from(keys), inner)


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | _objects(inner))
)
def test_any_json_is_read_or_refused(content: object) -> None:
    with contextlib.suppress(JsonRequestError):
        assert isinstance(
            parse_json(ExportTraceServiceRequest, json.dumps(content).encode()), ExportTraceServiceRequest
        )
