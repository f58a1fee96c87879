"""What a request is answered: a protobuf message in the request's own form, or why there is none.

Status codes are those of the OTLP specification 1.5 ("OTLP/HTTP Response"); an error's body is a
`google.rpc.Status`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from makespan_collector.access.guard import AccessError
from makespan_collector.access.http import CHALLENGE
from makespan_collector.receiving.admission import BusyError
from makespan_collector.receiving.body import PayloadEncodingError, PayloadLateError, PayloadTooLargeError
from makespan_collector.receiving.signals import NothingKeptError
from makespan_model.errors import UnavailableError

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
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
_STATUSES: Mapping[type[Exception], HTTPStatus] = {
    PayloadEncodingError: HTTPStatus.BAD_REQUEST,
    PayloadLateError: HTTPStatus.REQUEST_TIMEOUT,
    PayloadTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NothingKeptError: HTTPStatus.BAD_REQUEST,
}

Headers = tuple[tuple[str, str], ...]


class RefusedRequestError(Exception):
    """A request that gets an error for an answer."""

    def __init__(self, status: HTTPStatus, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


REFUSALS: Final[tuple[type[Exception], ...]] = (
    RefusedRequestError,
    AccessError,
    BusyError,
    UnavailableError,
    *_STATUSES,
)
"""What `refusal` knows an answer to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, ready to be sent."""

    status: HTTPStatus
    headers: Headers
    body: bytes


def answer(message: Message, status: HTTPStatus, mimetype: str, headers: Headers = ()) -> Answer:
    """A message in the form of a request that was of this media type."""
    if mimetype == JSON:
        kind, body = JSON, MessageToJson(message, indent=None).encode()
    else:
        kind, body = PROTOBUF, message.SerializeToString()
    return Answer(status, (("Content-Type", kind), ("Content-Length", str(len(body))), *headers), body)


def error_answer(status: HTTPStatus, message: str, mimetype: str, headers: Headers = ()) -> Answer:
    """An error as OTLP wants it."""
    return answer(Status(code=_RPC_CODES.get(status, _RPC_INTERNAL), message=message), status, mimetype, headers)


def refusal(error: Exception, mimetype: str) -> Answer:
    """What one of `REFUSALS` is answered."""
    headers: Headers = ()
    if isinstance(error, RefusedRequestError):
        status, headers = error.status, error.headers
    elif isinstance(error, AccessError):
        status = HTTPStatus.FORBIDDEN if error.is_known else HTTPStatus.UNAUTHORIZED
        headers = () if error.is_known else (("WWW-Authenticate", CHALLENGE),)
    elif isinstance(error, BusyError):
        status = HTTPStatus.TOO_MANY_REQUESTS
        headers = (("Retry-After", str(math.ceil(error.retry_after_s))),)
    elif isinstance(error, UnavailableError):
        status = HTTPStatus.SERVICE_UNAVAILABLE
        headers = (("Retry-After", str(_RETRY_AFTER_S)),)
    else:
        status = _STATUSES[type(error)]
    return error_answer(status, str(error), mimetype, headers)
