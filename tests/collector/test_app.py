from __future__ import annotations

import gzip
from typing import Any

import pytest
from flask.testing import FlaskClient
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from makespan_collector.app import create_app
from makespan_collector.receiving.limits import Limits
from makespan_collector.store.contract import Store
from makespan_model import vocabulary as names
from support.span_rows import EPOCH, step_request

PROTOBUF = "application/x-protobuf"


@pytest.fixture
def client(store: Store) -> FlaskClient:
    return create_app(store, limits=Limits(max_body_bytes=10_000, max_decompressed_bytes=20_000)).test_client()


def test_a_span_is_in_the_store_when_the_answer_is_200(client: FlaskClient, store: Store) -> None:
    answer = client.post("/v1/traces", data=step_request().SerializeToString(), content_type=PROTOBUF)
    assert (answer.status_code, answer.content_type) == (200, PROTOBUF)
    assert ExportTraceServiceResponse.FromString(answer.data) == ExportTraceServiceResponse()
    assert [run.identity.run_id for run in store.runs()] == ["7"]


def test_a_request_of_many_spans_is_kept_whole_and_its_rejected_ones_are_told(store: Store) -> None:
    request = step_request()
    (spans,) = [scope.spans for scope in request.resource_spans[0].scope_spans]
    for number in range(200):
        copy = spans.add()
        copy.CopyFrom(spans[0])
        copy.span_id = (number + 1).to_bytes(8, "big") if number else b"short"
    client = create_app(store).test_client()

    answer = client.post("/v1/traces", data=request.SerializeToString(), content_type=PROTOBUF)

    partial = ExportTraceServiceResponse.FromString(answer.data).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)
    assert "span id must be 8 bytes" in partial.error_message
    assert len(store.runs()[0].jobs[0].steps) == 200


def test_a_gzip_body_is_understood(client: FlaskClient, store: Store) -> None:
    data = gzip.compress(step_request().SerializeToString())
    answer = client.post("/v1/traces", data=data, content_type=PROTOBUF, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert len(store.runs()) == 1


def test_rejected_spans_are_named_in_the_partial_success(client: FlaskClient, store: Store) -> None:
    request = step_request()
    request.resource_spans.append(step_request(without=[names.PIPELINE_NAME]).resource_spans[0])
    answer = client.post("/v1/traces", data=request.SerializeToString(), content_type=PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer.data).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)
    assert "cicd.pipeline.name" in partial.error_message
    assert len(store.runs()) == 1


# 2**63 ns is 1677 where it was meant to have a sign; 2**64 - 1 is in 2554.
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"trace_id": b"\1" * 15}, "trace id must be 16 bytes"),
        ({"trace_id": bytes(16)}, "trace id"),
        ({"start_ns": 0, "end_ns": 0}, "start"),
        ({"start_ns": 2**63, "end_ns": 2**63}, "start"),
        ({"start_ns": 2**64 - 1, "end_ns": 2**64 - 1}, "start"),
        ({"start_ns": EPOCH, "end_ns": EPOCH - 1}, "ends before it starts"),
        ({"without": [names.PIPELINE_NAME]}, "lacks cicd.pipeline.name"),
    ],
)
@pytest.mark.parametrize("copies", [1, 100])
def test_a_request_none_of_whose_spans_can_be_kept_is_refused(
    store: Store, wrong: dict[str, Any], reason: str, copies: int
) -> None:
    client = create_app(store).test_client()
    request = step_request(**wrong)
    spans = request.resource_spans[0].scope_spans[0].spans
    spans.extend([spans[0]] * (copies - 1))
    answer = client.post("/v1/traces", data=request.SerializeToString(), content_type=PROTOBUF)
    assert answer.status_code == 400
    assert f"none of the {copies} spans can be kept" in Status.FromString(answer.data).message
    assert reason in Status.FromString(answer.data).message
    assert store.runs() == []


def test_rejected_points_are_counted_in_the_partial_success(client: FlaskClient) -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="other")
    metric.gauge.data_points.add(as_double=1.0)
    answer = client.post("/v1/metrics", data=request.SerializeToString(), content_type=PROTOBUF)
    partial = ExportMetricsServiceResponse.FromString(answer.data).partial_success
    assert (answer.status_code, partial.rejected_data_points) == (200, 1)


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics"])
def test_an_empty_request_is_a_success(client: FlaskClient, path: str) -> None:
    assert client.post(path, data=b"", content_type=PROTOBUF).status_code == 200


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics"])
@pytest.mark.parametrize(
    ("data", "content_type", "encoding", "status", "message"),
    [
        (b"\xff\xff garbage", PROTOBUF, "identity", 400, "is not an OTLP"),
        (step_request().SerializeToString()[:-3], PROTOBUF, "identity", 400, "is not an OTLP"),
        (b"not gzip", PROTOBUF, "gzip", 400, "not gzip"),
        (gzip.compress(b"x" * 50, mtime=0)[:-9], PROTOBUF, "gzip", 400, "cut off"),
        (b"{}", "text/html", "identity", 415, "Content-Type must be application/x-protobuf or application/json"),
        (b"", "", "identity", 415, "not none"),
        (b"x", PROTOBUF, "br", 415, "Content-Encoding must be one of identity, gzip, zstd, not br"),
        (b"x" * 10_001, PROTOBUF, "identity", 413, "larger than 10000 bytes"),
        (gzip.compress(b"\0" * 5_000_000, mtime=0), PROTOBUF, "gzip", 413, "decompresses to more than 20000 bytes"),
    ],
)
def test_a_bad_request_is_answered_with_its_reason_and_changes_nothing(
    client: FlaskClient,
    store: Store,
    path: str,
    data: bytes,
    content_type: str,
    encoding: str,
    status: int,
    message: str,
) -> None:
    answer = client.post(path, data=data, content_type=content_type, headers={"Content-Encoding": encoding})
    assert (answer.status_code, answer.content_type) == (status, PROTOBUF)
    assert message in Status.FromString(answer.data).message
    assert store.pipelines() == []


def test_a_store_that_cannot_write_is_answered_503_with_retry_after(client: FlaskClient, store: Store) -> None:
    store.close()
    answer = client.post("/v1/traces", data=step_request().SerializeToString(), content_type=PROTOBUF)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert Status.FromString(answer.data).code == 14


def test_health_is_json(client: FlaskClient) -> None:
    assert client.get("/health").json == {"status": "ok"}


def test_unknown_paths_and_methods_are_said_to_be_so(client: FlaskClient) -> None:
    assert client.get("/nowhere").status_code == 404
    assert client.get("/v1/traces").status_code == 405
