"""OTLP over gRPC (OTLP specification 1.5, "OTLP/gRPC"), beside the HTTP receivers and into the same store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from makespan_collector.access.grpc_peer import peer_address
from makespan_collector.access.guard import AccessError, Guard
from makespan_collector.access.tokens import Scope
from makespan_collector.operation.metrics import Metrics
from makespan_collector.receiving.admission import Admission, BusyError
from makespan_collector.receiving.call_deadlines import CallDeadlines
from makespan_collector.receiving.intake import Intake
from makespan_collector.receiving.limits import Limits
from makespan_collector.receiving.signals import SIGNALS, NothingKeptError, Signal
from makespan_collector.store.contract import Store
from makespan_model.errors import UnavailableError

_THREADS = 32
_STREAMS = 1_000
"""Calls of one connection at once. One more is refused as UNAVAILABLE, which every sender tries again."""
_DRAIN_S = 10.0
_RETRY_AFTER_S = 5.0
_STATUS_METADATA = "grpc-status-details-bin"


class GrpcReceivers:
    """The three services on one port.

    Args:
        store: Open for writing.
        limits: Of one request; see `max_message_bytes`.
        admission: Shared with the HTTP receivers.
        address: `host:port`; port 0 takes a free one.
        guard: Says who may send.
        metrics: Counts what comes in.
        credentials: For TLS; None listens in the clear.
        interceptors: Called before every method.

    Raises:
        UnavailableError: The port is taken, or the address is not ours.
    """

    def __init__(
        self,
        store: Store,
        limits: Limits,
        admission: Admission,
        address: str,
        guard: Guard,
        *,
        metrics: Metrics | None = None,
        credentials: grpc.ServerCredentials | None = None,
        interceptors: Sequence[grpc.ServerInterceptor] = (),
    ) -> None:
        self._server = grpc.server(
            futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="makespan-grpc"),
            interceptors=tuple(interceptors),
            # There is no bound on calls that wait for a thread: gRPC would refuse more with a RESOURCE_EXHAUSTED
            # that has no RetryInfo, on which a sender throws its data away. Their messages are not read yet.
            options=[
                # Of the message decompressed, too. Each thread may have one in memory before it can be counted.
                ("grpc.max_receive_message_length", max_message_bytes(limits)),
                ("grpc.max_concurrent_streams", _STREAMS),
                # Two servers on one port would share its requests in silence.
                ("grpc.so_reuseport", 0),
            ],
        )
        self._deadlines = CallDeadlines(limits.body_deadline_s)
        intake = Intake(store, metrics or Metrics())
        for signal in SIGNALS:
            # On the wire no different from a method of one request; but here the call begins before its message.
            handler = grpc.stream_unary_rpc_method_handler(_receiver(signal, intake, admission, guard, self._deadlines))
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(signal.service, {"Export": handler}),)
            )
        try:
            if credentials is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise UnavailableError(
                f"cannot listen on {address} for gRPC: it is in use or not an address of this machine; "
                "choose another with --grpc-port (0 takes a free one, `off` none)"
            ) from error

    def start(self) -> None:
        """Accept calls."""
        self._deadlines.start()
        self._server.start()

    def stop(self) -> None:
        """Accept no more calls, answer those under way, and return when that is done."""
        self._server.stop(_DRAIN_S).wait()
        self._deadlines.stop()


def max_message_bytes(limits: Limits) -> int:
    """What a message may have: as little as lets all threads have one within `max_in_flight_bytes`.

    By default 4 MiB, which is also gRPC's own default, and thereby that of the OpenTelemetry Collector.
    """
    return min(limits.max_body_bytes, max(1, limits.max_in_flight_bytes // _THREADS))


def _receiver(
    signal: Signal, intake: Intake, admission: Admission, guard: Guard, deadlines: CallDeadlines
) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
    def export(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        try:
            peer = peer_address(context.peer())
            headers = {key.lower(): value for key, value in context.invocation_metadata() if isinstance(value, str)}
            grant = guard.grant(Scope.INGEST, headers.get("authorization"), peer, headers)
            admission.count(grant.token_id or guard.client(peer, headers))
            with deadlines.limiting(context):
                data = next(messages, b"")
            with admission.room_for(len(data)):
                contents = intake.take(signal, grant, data)
        except AccessError as error:
            code = grpc.StatusCode.PERMISSION_DENIED if error.is_known else grpc.StatusCode.UNAUTHENTICATED
            context.abort(code, str(error))
        except DecodeError as error:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, f"the message is not an OTLP {signal.name} request: {error}"
            )
        except NothingKeptError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except BusyError as error:
            _come_back(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error), error.retry_after_s)
        except UnavailableError as error:
            _come_back(context, grpc.StatusCode.UNAVAILABLE, str(error), _RETRY_AFTER_S)
        answer: bytes = signal.answer(contents).SerializeToString()
        return answer

    return export


def _come_back(context: grpc.ServicerContext, code: grpc.StatusCode, message: str, after_s: float) -> None:
    """Fail a call with a `RetryInfo`, which is how OTLP tells a retryable failure from a final one."""
    retry = RetryInfo()
    retry.retry_delay.FromTimedelta(timedelta(milliseconds=math.ceil(after_s * 1000)))
    detail = AnyMessage()
    detail.Pack(retry)
    number: Any = code.value[0]
    status = Status(code=number, message=message, details=[detail])
    context.set_trailing_metadata(((_STATUS_METADATA, status.SerializeToString()),))
    context.abort(code, message)
