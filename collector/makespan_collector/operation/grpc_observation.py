"""Counts gRPC calls, and tells of refused ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc

from makespan_collector.access.grpc_peer import peer_address
from makespan_collector.access.guard import AccessError
from makespan_collector.operation.logs import RefusalLog
from makespan_collector.operation.metrics import Metrics


class GrpcObserver(grpc.ServerInterceptor):  # type: ignore[misc]
    """Observes the calls of methods that we serve.

    Args:
        metrics: Counts every call.
        refusals: Told of errors.
    """

    def __init__(self, metrics: Metrics, refusals: RefusalLog) -> None:
        self._metrics = metrics
        self._refusals = refusals

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """See `grpc.ServerInterceptor`."""
        handler = continuation(handler_call_details)
        if handler is None or handler.stream_unary is None:
            return handler
        return grpc.stream_unary_rpc_method_handler(
            self._observed(handler.stream_unary, handler_call_details.method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _observed(
        self, call: Callable[[Any, grpc.ServicerContext], Any], method: str
    ) -> Callable[[Any, grpc.ServicerContext], Any]:
        def observed(request: Any, context: grpc.ServicerContext) -> Any:
            started_s = time.perf_counter()
            status = "OK"
            try:
                return call(request, context)
            except BaseException as error:
                # `abort` raises after it has set the code; anything else becomes UNKNOWN.
                code = context.code()
                status = code.name if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN.name
                refusal = error.__context__
                token_id = refusal.token_id if isinstance(refusal, AccessError) else None
                self._refusals.refused(method, status, peer_address(context.peer()), token_id)
                raise
            finally:
                self._metrics.count_request(method, status, time.perf_counter() - started_s)

        return observed
