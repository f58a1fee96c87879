"""The collector's HTTP interface: OTLP/HTTP receivers and a health check.

Status codes are those of the OTLP specification 1.5, "OTLP/HTTP Response"; an error's body is a
`google.rpc.Status` message. A request is answered 200 only when its data is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from flask import Flask, Response, jsonify, request
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from werkzeug.exceptions import HTTPException

from makespan_collector.otlp.metrics import decode_metrics
from makespan_collector.otlp.payload import PayloadEncodingError, PayloadTooLargeError, gunzip_bounded, read_bounded
from makespan_collector.otlp.requests import decode_trace_request
from makespan_collector.store.contract import Store
from makespan_model.errors import UnavailableError

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024

Contents = TypeVar("Contents")

_PROTOBUF = "application/x-protobuf"
_RETRY_AFTER_S = 5

# google.rpc.Code, https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
_RPC_CODES = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.NOT_FOUND: 5,
    HTTPStatus.METHOD_NOT_ALLOWED: 12,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 8,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}
_RPC_INTERNAL = 13


class _RefusedRequestError(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def create_app(
    store: Store,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
    max_decompressed_bytes: int = MAX_DECOMPRESSED_BYTES,
) -> Flask:
    """The WSGI application.

    Args:
        store: Open for writing.
        max_body_bytes: A larger request body is answered 413.
        max_decompressed_bytes: So is a body that decompresses to more.
    """
    app = Flask("makespan_collector", static_folder=None)

    def body() -> bytes:
        return _read_body(max_body_bytes, max_decompressed_bytes)

    @app.post("/v1/traces")
    def traces() -> Response:
        decoded = _decode(decode_trace_request, body())
        store.append(spans=decoded.spans)
        answer = ExportTraceServiceResponse()
        if decoded.rejected:
            answer.partial_success.rejected_spans = decoded.rejected
            answer.partial_success.error_message = decoded.reason
        return _protobuf(answer, HTTPStatus.OK)

    @app.post("/v1/metrics")
    def metrics() -> Response:
        decoded = decode_metrics(_decode(ExportMetricsServiceRequest.FromString, body()))
        store.append(samples=decoded.rows)
        answer = ExportMetricsServiceResponse()
        if decoded.rejected:
            answer.partial_success.rejected_data_points = decoded.rejected
            answer.partial_success.error_message = decoded.reason
        return _protobuf(answer, HTTPStatus.OK)

    @app.get("/health")
    def health() -> Response:
        return jsonify(status="ok")

    _register_errors(app)
    return app


def _register_errors(app: Flask) -> None:
    @app.errorhandler(_RefusedRequestError)
    def refused(error: _RefusedRequestError) -> Response:
        return _error(error.status, str(error))

    @app.errorhandler(UnavailableError)
    def unavailable(error: UnavailableError) -> Response:
        response = _error(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        response.headers["Retry-After"] = str(_RETRY_AFTER_S)
        return response

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return _error(HTTPStatus(error.code or 500), error.description or error.name)


def _read_body(max_body_bytes: int, max_decompressed_bytes: int) -> bytes:
    if request.mimetype != _PROTOBUF:
        given = request.mimetype or "none"
        raise _RefusedRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {_PROTOBUF}, not {given}")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise _RefusedRequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding must be gzip or identity, not {encoding}"
        )
    try:
        data = read_bounded(request.stream, max_body_bytes)
        return gunzip_bounded(data, max_decompressed_bytes) if encoding == "gzip" else data
    except PayloadTooLargeError as error:
        raise _RefusedRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
    except PayloadEncodingError as error:
        raise _RefusedRequestError(HTTPStatus.BAD_REQUEST, str(error)) from error


def _decode(decode: Callable[[bytes], Contents], data: bytes) -> Contents:
    try:
        return decode(data)
    except DecodeError as error:
        raise _RefusedRequestError(HTTPStatus.BAD_REQUEST, f"the body is not an OTLP request: {error}") from error


def _error(status: HTTPStatus, message: str) -> Response:
    return _protobuf(Status(code=_RPC_CODES.get(status, _RPC_INTERNAL), message=message), status)


def _protobuf(message: Message, status: HTTPStatus) -> Response:
    return Response(message.SerializeToString(), status=status, content_type=_PROTOBUF)
