# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from makespan_collector.access.guard import Guard
from makespan_collector.receiving.admission import Admission
from makespan_collector.receiving.grpc_server import GrpcReceivers
from makespan_collector.receiving.limits import Limits
from makespan_collector.store.contract import Store
from makespan_model import vocabulary as names
from makespan_model.errors import UnavailableError
from support.span_rows import step_request


@pytest.fixture
def admission() -> Admission:
    return Admission(1_000_000, 0)


@pytest.fixture
def channel(store: Store, admission: Admission) -> Iterator[grpc.Channel]:
    receivers = GrpcReceivers(store, Limits(max_body_bytes=100_000), admission, "127.0.0.1:0", Guard(dict))
    receivers.start()
    with grpc.insecure_channel(f"127.0.0.1:{receivers.port}") as opened:
        yield opened
    receivers.stop()


def test_spans_are_in_the_store_when_the_call_returns(channel: grpc.Channel, store: Store) -> None:
    answer = TraceServiceStub(channel).Export(step_request(), timeout=30)

    assert answer == ExportTraceServiceResponse()
    assert [run.identity.run_id for run in store.runs()] == ["7"]


def test_gzip_is_understood(channel: grpc.Channel, store: Store) -> None:
    TraceServiceStub(channel).Export(step_request(), timeout=30, compression=grpc.Compression.Gzip)

    assert len(store.runs()) == 1


def test_what_is_rejected_is_said(channel: grpc.Channel, store: Store) -> None:
    request = step_request()
    request.resource_spans.append(step_request(without=[names.PIPELINE_NAME]).resource_spans[0])

    answer = TraceServiceStub(channel).Export(request, timeout=30)

    assert answer.partial_success.rejected_spans == 1
    assert "cicd.pipeline.name" in answer.partial_success.error_message
    assert len(store.runs()) == 1


def test_spans_none_of_which_can_be_kept_are_the_senders_fault(channel: grpc.Channel, store: Store) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        TraceServiceStub(channel).Export(step_request(without=[names.PIPELINE_NAME]), timeout=30)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "cicd.pipeline.name" in refused.value.details()
    assert store.runs() == []


def test_metrics_and_logs_have_their_services(channel: grpc.Channel) -> None:
    metrics, logs = ExportMetricsServiceRequest(), ExportLogsServiceRequest()
    metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="other").gauge.data_points.add()
    logs.resource_logs.add().scope_logs.add().log_records.add()

    assert MetricsServiceStub(channel).Export(metrics, timeout=30).partial_success.rejected_data_points == 1
    assert LogsServiceStub(channel).Export(logs, timeout=30).partial_success.rejected_log_records == 1


def _status(call: grpc.Call) -> Status:
    metadata = dict(call.trailing_metadata())
    return Status.FromString(metadata["grpc-status-details-bin"])


def test_a_message_that_is_no_request_is_the_senders_fault(channel: grpc.Channel) -> None:
    export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")

    with pytest.raises(grpc.RpcError) as refused:
        export(b"\xff\xff", timeout=30)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_store_that_cannot_write_is_worth_another_try(channel: grpc.Channel, store: Store) -> None:
    store.close()

    with pytest.raises(grpc.RpcError) as refused:
        TraceServiceStub(channel).Export(step_request(), timeout=30)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    retry = RetryInfo()
    assert _status(refused.value).details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 5


def test_more_bytes_than_there_is_room_for_are_told_to_come_back(channel: grpc.Channel, admission: Admission) -> None:
    with admission.room_for(999_900), pytest.raises(grpc.RpcError) as refused:
        TraceServiceStub(channel).Export(step_request(), timeout=30)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert _status(refused.value).details[0].Is(RetryInfo.DESCRIPTOR)


def test_a_message_over_the_limit_is_refused_unread(channel: grpc.Channel, store: Store) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        TraceServiceStub(channel).Export(step_request(attributes={"long": "x" * 100_001}), timeout=30)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert store.runs() == []


def test_a_port_in_use_is_said(store: Store, admission: Admission) -> None:
    first = GrpcReceivers(store, Limits(), admission, "127.0.0.1:0", Guard(dict))
    first.start()

    with pytest.raises(UnavailableError, match="--grpc-port"):
        GrpcReceivers(store, Limits(), admission, f"127.0.0.1:{first.port}", Guard(dict))
    first.stop()


def _serving(store: Store, limits: Limits, guard: Guard | None = None) -> GrpcReceivers:
    admission = Admission(limits.max_in_flight_bytes, 0)
    return GrpcReceivers(store, limits, admission, "127.0.0.1:0", guard or Guard(dict))


@contextmanager
def _stalled_calls(channel: grpc.Channel, count: int) -> Iterator[list[grpc.Future]]:
    """Calls whose message does not come."""
    released = threading.Event()

    def messages() -> Iterator[bytes]:
        released.wait()
        yield from ()

    export = channel.stream_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    calls = [export.future(messages(), timeout=60) for _ in range(count)]
    try:
        yield calls
    finally:
        for call in calls:
            call.cancel()
        released.set()


def test_calls_whose_message_does_not_come_do_not_keep_others_waiting(channel: grpc.Channel, store: Store) -> None:
    with _stalled_calls(channel, 20) as calls:
        TraceServiceStub(channel).Export(step_request(), timeout=30)
        assert not any(call.done() for call in calls)

    assert len(store.runs()) == 1


def test_calls_whose_message_does_not_come_are_given_up(store: Store) -> None:
    receivers = _serving(store, Limits(body_deadline_s=0.1))
    receivers.start()
    with grpc.insecure_channel(f"127.0.0.1:{receivers.port}") as channel, _stalled_calls(channel, 100) as calls:
        TraceServiceStub(channel).Export(step_request(), timeout=60)
        assert {call.exception().code() for call in calls} == {grpc.StatusCode.CANCELLED}
    receivers.stop()


def test_a_stranger_is_refused_before_its_message_comes(store: Store) -> None:
    receivers = _serving(store, Limits(), Guard(dict, anonymous_on_loopback=False))
    receivers.start()
    with grpc.insecure_channel(f"127.0.0.1:{receivers.port}") as channel, _stalled_calls(channel, 100) as calls:
        assert {call.exception().code() for call in calls} == {grpc.StatusCode.UNAUTHENTICATED}
    receivers.stop()


def test_many_callers_at_once_are_served_and_none_is_told_that_its_data_is_lost(store: Store) -> None:
    receivers = _serving(store, Limits())
    receivers.start()
    with grpc.insecure_channel(f"127.0.0.1:{receivers.port}") as channel:
        stub = TraceServiceStub(channel)
        calls = [stub.Export.future(step_request(str(number)), timeout=60) for number in range(300)]
        assert [call.result() for call in calls] == [ExportTraceServiceResponse()] * 300
    receivers.stop()
    assert len(store.runs(limit=1000)) == 300


def test_a_bomb_is_refused(channel: grpc.Channel) -> None:
    export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")

    with pytest.raises(grpc.RpcError) as refused:
        export(bytes(50_000_000), timeout=30, compression=grpc.Compression.Gzip)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(refused.value.trailing_metadata())
