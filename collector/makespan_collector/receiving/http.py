"""OTLP over HTTP: protobuf and JSON, packed with gzip or zstd or not at all.

Status codes are those of the OTLP specification 1.5 ("OTLP/HTTP Response"); an error's body is a
`google.rpc.Status` in the request's own form. A request is answered 200 only when its data is on the disk.
"""

from __future__ import annotations

import math
from http import HTTPStatus

from flask import Blueprint, Response, request
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from werkzeug.exceptions import HTTPException

from makespan_collector.access.guard import AccessError, Guard
from makespan_collector.access.http import CHALLENGE, client_of_request, granted
from makespan_collector.access.tokens import Grant, Scope
from makespan_collector.operation.metrics import Metrics
from makespan_collector.otlp.json_messages import JsonRequestError
from makespan_collector.receiving.admission import ROOM_KEY, Admission, BusyError, Room
from makespan_collector.receiving.body import (
    ENCODINGS,
    PayloadEncodingError,
    PayloadLateError,
    PayloadTooLargeError,
    decompressed,
    read_bounded,
)
from makespan_collector.receiving.intake import Intake
from makespan_collector.receiving.limits import Limits
from makespan_collector.receiving.signals import SIGNALS, Contents, NothingKeptError, Signal
from makespan_collector.store.contract import Store
from makespan_model.errors import UnavailableError

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_RETRY_AFTER_S = 5

# google.rpc.Code, https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
_RPC_CODES = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.NOT_FOUND: 5,
    HTTPStatus.METHOD_NOT_ALLOWED: 12,
    HTTPStatus.REQUEST_TIMEOUT: 4,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 8,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.TOO_MANY_REQUESTS: 8,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}
_RPC_INTERNAL = 13
_BODY_STATUSES: dict[type[Exception], HTTPStatus] = {
    PayloadEncodingError: HTTPStatus.BAD_REQUEST,
    PayloadLateError: HTTPStatus.REQUEST_TIMEOUT,
    PayloadTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


class RefusedRequestError(Exception):
    """A request that gets an error for an answer."""

    def __init__(self, status: HTTPStatus, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def receivers(store: Store, limits: Limits, admission: Admission, guard: Guard, metrics: Metrics) -> Blueprint:
    """The three receivers.

    Args:
        store: Open for writing.
        limits: Of one request.
        admission: Of all of them; shared with other transports.
        guard: Says who may send.
        metrics: Counts what comes in.
    """
    intake = Intake(store, metrics)
    blueprint = Blueprint("receivers", __name__)
    for signal in SIGNALS:
        receiver = _Receiver(signal, intake, limits, admission, guard)
        blueprint.add_url_rule(signal.path, signal.name, receiver, methods=["POST"])
    blueprint.register_error_handler(RefusedRequestError, _refused)
    blueprint.register_error_handler(NothingKeptError, _nothing_kept)
    # A body that could not be had is told so whoever reads it.
    blueprint.app_errorhandler(BusyError)(_busy)
    for kind in _BODY_STATUSES:
        blueprint.app_errorhandler(kind)(_bad_body)
    blueprint.register_error_handler(AccessError, _not_allowed)
    blueprint.register_error_handler(UnavailableError, _unavailable)
    # Routing errors belong to no blueprint.
    blueprint.app_errorhandler(HTTPException)(_http_error)
    return blueprint


class _Receiver:
    """The view of one signal."""

    def __init__(self, signal: Signal, intake: Intake, limits: Limits, admission: Admission, guard: Guard) -> None:
        self._signal = signal
        self._intake = intake
        self._limits = limits
        self._admission = admission
        self._guard = guard
        self.__name__ = signal.name

    def __call__(self) -> Response:
        grant = granted(self._guard, Scope.INGEST)
        self._admission.count(client_of_request(grant))
        encoding = _encoding()
        as_json = _is_json()
        # The gateway has made room for the body.
        room: Room | None = request.environ.get(ROOM_KEY)
        with room or self._admission.room() as room:
            data = self._data(encoding, room)
            contents = self._taken(grant, data, as_json=as_json)
        return _message(self._signal.answer(contents), HTTPStatus.OK)

    def _data(self, encoding: str, room: Room) -> bytes:
        """The body, decompressed."""
        limits = self._limits
        body = read_bounded(request.stream, limits.max_body_bytes)
        if ROOM_KEY not in request.environ:
            room.grow(len(body))
        return decompressed(
            encoding,
            body,
            limit_bytes=limits.max_decompressed_bytes,
            max_ratio=limits.max_decompression_ratio,
            grow=room.grow,
        )

    def _taken(self, grant: Grant, data: bytes, *, as_json: bool) -> Contents:
        try:
            return self._intake.take(self._signal, grant, data, as_json=as_json)
        except JsonRequestError as error:
            raise RefusedRequestError(HTTPStatus.BAD_REQUEST, str(error)) from error
        except DecodeError as error:
            what = f"the body is not an OTLP {self._signal.name} request: {error}"
            raise RefusedRequestError(HTTPStatus.BAD_REQUEST, what) from error


def _is_json() -> bool:
    if request.mimetype not in (PROTOBUF, JSON):
        given = request.mimetype or "none"
        raise RefusedRequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {PROTOBUF} or {JSON}, not {given}"
        )
    return request.mimetype == JSON


def _encoding() -> str:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ENCODINGS:
        raise RefusedRequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding must be one of {', '.join(ENCODINGS)}, not {encoding}",
            (("Accept-Encoding", "gzip, zstd"),),
        )
    return encoding


def _refused(error: RefusedRequestError) -> Response:
    response = _error(error.status, str(error))
    response.headers.extend(error.headers)
    return response


def _nothing_kept(error: NothingKeptError) -> Response:
    return _error(HTTPStatus.BAD_REQUEST, str(error))


def _bad_body(error: Exception) -> Response:
    return _error(_BODY_STATUSES[type(error)], str(error))


def _busy(error: BusyError) -> Response:
    response = _error(HTTPStatus.TOO_MANY_REQUESTS, str(error))
    response.headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return response


def _not_allowed(error: AccessError) -> Response:
    response = _error(HTTPStatus.FORBIDDEN if error.is_known else HTTPStatus.UNAUTHORIZED, str(error))
    if not error.is_known:
        response.headers["WWW-Authenticate"] = CHALLENGE
    return response


def _unavailable(error: UnavailableError) -> Response:
    response = _error(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    return response


def _http_error(error: HTTPException) -> Response:
    response = _error(HTTPStatus(error.code or 500), error.description or error.name)
    if error.response is None:
        response.headers.extend(pair for pair in error.get_headers() if pair[0] in ("Allow", "WWW-Authenticate"))
    return response


def _error(status: HTTPStatus, message: str) -> Response:
    return _message(Status(code=_RPC_CODES.get(status, _RPC_INTERNAL), message=message), status)


def _message(message: Message, status: HTTPStatus) -> Response:
    if request.mimetype == JSON:
        return Response(MessageToJson(message, indent=None), status=status, content_type=JSON)
    return Response(message.SerializeToString(), status=status, content_type=PROTOBUF)
