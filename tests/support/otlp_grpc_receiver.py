"""An OTLP/gRPC receiver in the test's own process: OpenTelemetry's generated services on a real grpcio server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from support.certificates import Certificates


@dataclass
class GrpcReceiver:
    """What arrived, and what to answer.

    `refusals` are the codes and texts that the next requests get, one each; `status` is what all others get, per
    signal. `retry_after_s` goes with every refusal, as `retry_key` spells it.
    """

    port: int = 0
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    refusals: list[tuple[grpc.StatusCode, str]] = field(default_factory=list)
    status: dict[str, tuple[grpc.StatusCode, str]] = field(default_factory=dict)
    refuses_spans_named: str | None = None
    rejected_spans: int = 0
    retry_after_s: int | None = None
    retry_key: str = "grpc-status-details-bin"
    requests: int = 0

    def answer(self, signal: str, context: Any) -> None:
        """Refuse the request if it is to be refused."""
        self.requests += 1
        self.metadata.append(dict(context.invocation_metadata()))
        refusal = self.refusals.pop(0) if self.refusals else self.status.get(signal)
        if refusal is not None:
            self.refuse(context, *refusal)

    def refuse(self, context: Any, code: grpc.StatusCode, details: str) -> None:
        if self.retry_after_s is not None:
            info = RetryInfo()
            info.retry_delay.seconds = self.retry_after_s
            value = info.SerializeToString()
            if self.retry_key == "grpc-status-details-bin":
                packed = AnyMessage()
                packed.Pack(info)
                value = Status(code=code.value[0], message=details, details=[packed]).SerializeToString()
            context.set_trailing_metadata(((self.retry_key, value),))
        context.abort(code, details)

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Traces(TraceServiceServicer):
    def __init__(self, receiver: GrpcReceiver) -> None:
        self._receiver = receiver

    def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:  # noqa: N802
        receiver = self._receiver
        receiver.answer("traces", context)
        names = {s.name for r in request.resource_spans for scope in r.scope_spans for s in scope.spans}
        if receiver.refuses_spans_named in names:
            receiver.refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "a name it does not like")
        receiver.traces.append(request)
        response = ExportTraceServiceResponse()
        if receiver.rejected_spans:
            response.partial_success.rejected_spans = receiver.rejected_spans
            response.partial_success.error_message = "too old"
        return response


class _Metrics(MetricsServiceServicer):
    def __init__(self, receiver: GrpcReceiver) -> None:
        self._receiver = receiver

    def Export(self, request: ExportMetricsServiceRequest, context: Any) -> ExportMetricsServiceResponse:  # noqa: N802
        self._receiver.answer("metrics", context)
        self._receiver.metrics.append(request)
        return ExportMetricsServiceResponse()


@contextmanager
def receiving_grpc(
    tls: Certificates | None = None, *, asks_for_client: bool = False, max_bytes: int | None = None
) -> Iterator[GrpcReceiver]:
    """A receiver on 127.0.0.1 and a free port; it takes requests of up to `max_bytes`, else of gRPC's 4 MiB."""
    receiver = GrpcReceiver()
    options = [] if max_bytes is None else [("grpc.max_receive_message_length", max_bytes)]
    server = grpc.server(ThreadPoolExecutor(4), options=options)
    add_TraceServiceServicer_to_server(_Traces(receiver), server)  # type: ignore[no-untyped-call]
    add_MetricsServiceServicer_to_server(_Metrics(receiver), server)  # type: ignore[no-untyped-call]
    if tls is None:
        receiver.port = server.add_insecure_port("127.0.0.1:0")
    else:
        credentials = grpc.ssl_server_credentials(
            [(tls.server_key.read_bytes(), tls.server.read_bytes())],
            tls.authority.read_bytes() if asks_for_client else None,
            asks_for_client,
        )
        receiver.port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield receiver
    finally:
        server.stop(None).wait()
