from __future__ import annotations

import grpc
import pytest
from flask.testing import FlaskClient
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from makespan_collector.access.guard import Guard
from makespan_collector.access.tokens import Scope, new_token
from makespan_collector.app import create_app
from makespan_collector.receiving.admission import Admission
from makespan_collector.receiving.grpc_server import GrpcReceivers
from makespan_collector.receiving.limits import Limits
from makespan_collector.store.contract import Store
from support.span_rows import step_request

PROTOBUF = "application/x-protobuf"
FAR = {"REMOTE_ADDR": "203.0.113.7"}
TEXT, TOKEN = new_token("ci", [Scope.INGEST], ["octo/*"], now_ns=0, expires_ns=None)
READ_TEXT, READ = new_token("eyes", [Scope.READ], [], now_ns=0, expires_ns=None)
OTHER_TEXT, OTHER = new_token("other", [Scope.INGEST], ["other/*"], now_ns=0, expires_ns=None)
GUARD = Guard(lambda: {token.token_id: token for token in (TOKEN, READ, OTHER)}, anonymous_on_loopback=False)


@pytest.fixture
def client(store: Store) -> FlaskClient:
    return create_app(store, guard=GUARD).test_client()


def _many() -> ExportTraceServiceRequest:
    """A request that goes the way of columns."""
    request = step_request()
    spans = request.resource_spans[0].scope_spans[0].spans
    for number in range(100):
        spans.add().CopyFrom(spans[0])
        spans[-1].span_id = (number + 1).to_bytes(8, "big")
    return request


def test_from_elsewhere_a_token_is_asked_for(client: FlaskClient, store: Store) -> None:
    answer = client.post(
        "/v1/traces", data=step_request().SerializeToString(), content_type=PROTOBUF, environ_overrides=FAR
    )

    assert (answer.status_code, Status.FromString(answer.data).code) == (401, 16)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert store.runs() == []


def test_a_token_of_another_scope_is_forbidden(client: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {READ_TEXT}"}
    answer = client.post("/v1/traces", data=step_request().SerializeToString(), content_type=PROTOBUF, headers=headers)

    assert (answer.status_code, Status.FromString(answer.data).code) == (403, 7)


@pytest.mark.parametrize("request_", [step_request(), _many()], ids=["rows", "columns"])
def test_a_bound_token_sends_for_its_projects_alone(
    client: FlaskClient, store: Store, request_: ExportTraceServiceRequest
) -> None:
    spans = len(request_.resource_spans[0].scope_spans[0].spans)
    data = request_.SerializeToString()

    refused = client.post(
        "/v1/traces", data=data, content_type=PROTOBUF, headers={"Authorization": f"Bearer {OTHER_TEXT}"}
    )
    partial = ExportTraceServiceResponse.FromString(refused.data).partial_success
    assert (refused.status_code, partial.rejected_spans) == (200, spans)
    assert "bound to other/*" in partial.error_message
    assert store.runs() == []

    client.post("/v1/traces", data=data, content_type=PROTOBUF, headers={"Authorization": f"Bearer {TEXT}"})
    assert len(store.runs()) == 1


def test_grpc_asks_for_the_same_tokens(store: Store) -> None:
    receivers = GrpcReceivers(store, Limits(), Admission(10**6, 0), "127.0.0.1:0", GUARD)
    receivers.start()
    data = step_request().SerializeToString()
    codes = []
    with grpc.insecure_channel(f"127.0.0.1:{receivers.port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        for text in (None, READ_TEXT, TEXT):
            metadata = [] if text is None else [("authorization", f"Bearer {text}")]
            try:
                export(data, timeout=30, metadata=metadata)
                codes.append(grpc.StatusCode.OK)
            except grpc.RpcError as error:
                codes.append(error.code())
    receivers.stop()

    assert codes == [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.OK]
    assert len(store.runs()) == 1
