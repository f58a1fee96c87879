from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import zstandard
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from makespan_collector.app import create_app
from makespan_collector.receiving.admission import Admission
from makespan_collector.receiving.limits import Limits
from makespan_collector.store.contract import Store
from support.span_rows import step_request

PROTOBUF = "application/x-protobuf"


@pytest.fixture
def client(store: Store) -> FlaskClient:
    return create_app(store).test_client()


def _as_json(request: ExportTraceServiceRequest) -> dict[str, Any]:
    """What an SDK sends: hexadecimal ids, times as text."""
    (resource_spans,) = request.resource_spans
    (span,) = resource_spans.scope_spans[0].spans

    def attributes(owner: Any) -> list[dict[str, Any]]:
        kinds = {"string_value": "stringValue", "int_value": "intValue"}
        return [
            {"key": one.key, "value": {kinds[kind]: getattr(one.value, kind)}}
            for one in owner.attributes
            if (kind := one.value.WhichOneof("value"))
        ]

    sent = {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "name": span.name,
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
        "attributes": attributes(span),
    }
    resource = {"attributes": attributes(resource_spans.resource)}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [sent]}]}]}


def test_a_request_in_json_is_the_same_run_as_in_protobuf(client: FlaskClient, store: Store) -> None:
    answer = client.post("/v1/traces", json=_as_json(step_request()))
    assert (answer.status_code, answer.content_type, answer.json) == (200, "application/json", {})
    (from_json,) = store.runs()

    client.post("/v1/traces", data=step_request().SerializeToString(), content_type=PROTOBUF)
    assert store.runs() == [from_json]


def test_what_is_rejected_is_said_in_json_too(client: FlaskClient) -> None:
    body = _as_json(step_request())
    spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.append({**spans[0], "spanId": "00"})

    partial = client.post("/v1/traces", json=body).get_json()["partialSuccess"]

    assert partial["rejectedSpans"] == "1"
    assert "span id" in partial["errorMessage"]


def test_a_wrong_value_in_json_is_told_with_its_place(client: FlaskClient, store: Store) -> None:
    body = _as_json(step_request())
    body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = "xyz"

    answer = client.post("/v1/traces", json=body)

    assert (answer.status_code, answer.get_json()["code"]) == (400, 3)
    assert "resourceSpans[0].scopeSpans[0].spans[0].traceId" in answer.get_json()["message"]
    assert store.runs() == []


def test_a_zstd_body_is_understood(client: FlaskClient, store: Store) -> None:
    data = zstandard.ZstdCompressor().compress(step_request().SerializeToString())

    answer = client.post("/v1/traces", data=data, content_type=PROTOBUF, headers={"Content-Encoding": "zstd"})

    assert answer.status_code == 200
    assert len(store.runs()) == 1


def test_another_encoding_is_told_what_is_accepted(client: FlaskClient) -> None:
    answer = client.post("/v1/traces", data=b"x", content_type=PROTOBUF, headers={"Content-Encoding": "deflate"})

    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip, zstd")


def test_log_records_are_kept_and_strangers_counted(client: FlaskClient) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, time_unix_nano=5)
    records.add(time_unix_nano=5)

    answer = client.post("/v1/logs", data=request.SerializeToString(), content_type=PROTOBUF)

    assert ExportLogsServiceResponse.FromString(answer.data).partial_success.rejected_log_records == 1


def test_a_receiver_takes_post_alone_and_says_so(client: FlaskClient) -> None:
    answer = client.get("/v1/traces")

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"POST"}


def test_more_bytes_than_there_is_room_for_are_told_to_come_back(store: Store) -> None:
    admission = Admission(1_000, 0)
    client = create_app(store, admission=admission).test_client()

    with admission.room_for(900):
        answer = client.post("/v1/traces", data=step_request().SerializeToString(), content_type=PROTOBUF)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")

    answer = client.post("/v1/traces", data=step_request().SerializeToString(), content_type=PROTOBUF)
    assert answer.status_code == 200
    assert admission.in_flight_bytes == 0


def test_room_is_given_back_whatever_becomes_of_the_request(store: Store) -> None:
    admission = Admission(10_000, 0)
    client = create_app(store, admission=admission).test_client()

    for data, kind in ((b"\xff", PROTOBUF), (b"{", "application/json"), (b"x" * 20_000, "text/html")):
        assert client.post("/v1/traces", data=data, content_type=kind).status_code in (400, 415)

    assert admission.in_flight_bytes == 0


def test_a_client_that_sends_too_often_is_told_to_wait(store: Store) -> None:
    client = create_app(store, limits=Limits(requests_per_s=0.2)).test_client()
    data = step_request().SerializeToString()

    statuses = [client.post("/v1/traces", data=data, content_type=PROTOBUF).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


def test_a_span_of_a_million_attributes_is_refused_and_changes_nothing(client: FlaskClient, store: Store) -> None:
    request = step_request()
    span = request.resource_spans[0].scope_spans[0].spans[0]
    for _ in range(1_000_000):
        span.attributes.add(key="k")

    answer = client.post("/v1/traces", data=request.SerializeToString(), content_type=PROTOBUF)

    assert answer.status_code == 400
    assert b"at most 10000" in answer.data
    assert store.runs() == []


def _nested_value(depth: int) -> bytes:
    """An `AnyValue` of arrays within arrays: protobuf's own classes would not make one so deep."""
    value = b""
    for _ in range(depth):
        value = _field(5, _field(1, value))  # AnyValue.array_value of ArrayValue.values
    return value


def _field(number: int, data: bytes) -> bytes:
    length, size = len(data), bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2]) + bytes(size) + bytes([length]) + data


def _with_attribute(value: bytes) -> bytes:
    """A good request with one more attribute, whose `AnyValue` is these bytes."""
    attribute = _field(1, b"key") + _field(2, value)
    extra = _field(1, _field(2, _field(2, _field(9, attribute))))
    return bytes(step_request().SerializeToString()) + extra


@pytest.mark.parametrize("depth", [200, 20_000])
def test_values_nested_too_deep_are_refused(client: FlaskClient, store: Store, depth: int) -> None:
    answer = client.post("/v1/traces", data=_with_attribute(_nested_value(depth)), content_type=PROTOBUF)
    assert answer.status_code == 400

    nested = '{"arrayValue":{"values":[' * depth + "]}}" * depth  # An `AnyValue` in JSON.
    attributes = '{"attributes":[{"key":"k","value":' + nested + "}]}"
    body = f'{{"resourceSpans":[{{"resource":{attributes}}}]}}'
    answer = client.post("/v1/traces", data=body, content_type="application/json")
    assert answer.status_code == 400
    answer = client.post("/v1/traces", data="[" * depth, content_type="application/json")
    assert answer.status_code == 400

    assert store.runs() == []


@pytest.mark.parametrize("text", [b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80"], ids=["latin", "surrogate", "overlong"])
def test_text_that_is_not_utf8_is_refused(client: FlaskClient, store: Store, text: bytes) -> None:
    answer = client.post("/v1/traces", data=_with_attribute(_field(1, text)), content_type=PROTOBUF)
    assert answer.status_code == 400

    body = json.dumps(_as_json(step_request())).encode().replace(b"octo/app", text)
    answer = client.post("/v1/traces", data=body, content_type="application/json")
    assert answer.status_code == 400

    assert store.runs() == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=300) | st.data(),
    kind=st.sampled_from([PROTOBUF, "application/json"]),
    encoding=st.sampled_from(["identity", "gzip", "zstd"]),
    path=st.sampled_from(["/v1/traces", "/v1/metrics", "/v1/logs"]),
)
def test_whatever_is_sent_the_answer_is_a_success_or_the_senders_fault(
    client: FlaskClient, data: Any, kind: str, encoding: str, path: str
) -> None:
    body = data if isinstance(data, bytes) else _mutated(data, kind)

    answer = client.post(path, data=body, content_type=kind, headers={"Content-Encoding": encoding})

    assert answer.status_code in (200, 400, 413)


def _mutated(data: st.DataObject, kind: str) -> bytes:
    """A good request with some of its bytes replaced."""
    good = step_request()
    body = bytearray(good.SerializeToString() if kind == PROTOBUF else json.dumps(_as_json(good)).encode())
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=4)):
        body[place] = data.draw(st.integers(0, 255))
    return bytes(body)


def test_requests_at_once_are_each_kept(store: Store) -> None:
    app = create_app(store)
    statuses: list[int] = []

    def send(number: int) -> None:
        data = step_request(str(number)).SerializeToString()
        statuses.append(app.test_client().post("/v1/traces", data=data, content_type=PROTOBUF).status_code)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 20
    assert len(store.runs()) == 20


def test_a_failure_nobody_foresaw_is_logged_and_told_to_the_sender(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(store, "append", broken)
    answer = client.post("/v1/traces", json=_as_json(step_request()))

    assert (answer.status_code, answer.json) == (500, {"code": 13, "message": "the collector failed on this request"})
    assert "nobody thought of this" in caplog.text
