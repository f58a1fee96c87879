"""OTLP over HTTP: protobuf and JSON, packed with gzip or zstd or not at all.

A request to a receiver is answered before Flask is entered, which would cost more than the rest of a small one. It is
answered 200 only when its data is on the disk.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from google.protobuf.message import DecodeError
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_input_stream

from makespan_collector.access.guard import Guard
from makespan_collector.access.http import client_of, granted_to
from makespan_collector.access.tokens import Grant, Scope
from makespan_collector.operation.metrics import Metrics
from makespan_collector.otlp.json_messages import JsonRequestError
from makespan_collector.receiving.admission import ROOM_KEY, Admission, Room
from makespan_collector.receiving.answers import (
    JSON,
    PROTOBUF,
    REFUSALS,
    Answer,
    RefusedRequestError,
    answer,
    error_answer,
    refusal,
)
from makespan_collector.receiving.body import ENCODINGS, decompressed, read_bounded
from makespan_collector.receiving.intake import Intake
from makespan_collector.receiving.limits import Limits
from makespan_collector.receiving.signals import SIGNALS, Contents, Signal
from makespan_collector.store.contract import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATHS = tuple(signal.path for signal in SIGNALS)
"""Of the receivers."""

_log = logging.getLogger(__name__)


class ReceivingApplication:
    """A WSGI application that answers the receivers' paths, and leaves all others to the one it wraps.

    Args:
        wrapped: Answers the other paths.
        store: Open for writing.
        limits: Of one request.
        admission: Of all of them; shared with other transports.
        guard: Says who may send.
        metrics: Counts what comes in.
    """

    def __init__(
        self,
        wrapped: WSGIApplication,
        store: Store,
        limits: Limits,
        admission: Admission,
        guard: Guard,
        metrics: Metrics,
    ) -> None:
        self._wrapped = wrapped
        self._intake = Intake(store, metrics)
        self._signals = {signal.path: signal for signal in SIGNALS}
        self._limits = limits
        self._admission = admission
        self._guard = guard

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See PEP 3333."""
        signal = self._signals.get(environ["PATH_INFO"])
        if signal is None:
            return self._wrapped(environ, start_response)
        given = self._answer(signal, environ)
        start_response(f"{given.status.value} {given.status.phrase}", list(given.headers))
        return [given.body]

    def _answer(self, signal: Signal, environ: WSGIEnvironment) -> Answer:
        mimetype = _mimetype(environ)
        try:
            contents = self._contents(signal, environ, mimetype)
        except REFUSALS as error:
            return refusal(error, mimetype)
        except Exception:  # noqa: BLE001 (logged, and told to the sender)
            # A sender keeps what it could not deliver, and a request that nobody foresaw must not end the server.
            _log.exception("a request to %s failed", signal.path)
            return error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "the collector failed on this request", mimetype)
        return answer(signal.answer(contents), HTTPStatus.OK, mimetype)

    def _contents(self, signal: Signal, environ: WSGIEnvironment, mimetype: str) -> Contents:
        """What of a request was kept."""
        if environ["REQUEST_METHOD"] != "POST":
            raise RefusedRequestError(
                HTTPStatus.METHOD_NOT_ALLOWED, f"{signal.path} takes POST alone", (("Allow", "POST"),)
            )
        grant = granted_to(environ, self._guard, Scope.INGEST)
        self._admission.count(client_of(environ, grant))
        encoding = _encoding(environ)
        if mimetype not in (PROTOBUF, JSON):
            raise RefusedRequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"Content-Type must be {PROTOBUF} or {JSON}, not {mimetype or 'none'}",
            )
        # The gateway has made room for the body.
        room: Room | None = environ.get(ROOM_KEY)
        with room or self._admission.room() as room:
            data = self._data(environ, encoding, room)
            return self._taken(signal, grant, data, as_json=mimetype == JSON)

    def _data(self, environ: WSGIEnvironment, encoding: str, room: Room) -> bytes:
        """The body, decompressed."""
        limits = self._limits
        body = read_bounded(get_input_stream(environ), limits.max_body_bytes)
        if ROOM_KEY not in environ:
            room.grow(len(body))
        return decompressed(
            encoding,
            body,
            limit_bytes=limits.max_decompressed_bytes,
            max_ratio=limits.max_decompression_ratio,
            grow=room.grow,
        )

    def _taken(self, signal: Signal, grant: Grant, data: bytes, *, as_json: bool) -> Contents:
        try:
            return self._intake.take(signal, grant, data, as_json=as_json)
        except JsonRequestError as error:
            raise RefusedRequestError(HTTPStatus.BAD_REQUEST, str(error)) from error
        except DecodeError as error:
            what = f"the body is not an OTLP {signal.name} request: {error}"
            raise RefusedRequestError(HTTPStatus.BAD_REQUEST, what) from error


def answer_errors(app: Flask) -> None:
    """Let the application's other paths answer errors as the receivers do."""
    # A body that could not be had is told so whoever reads it.
    for kind in REFUSALS:
        if kind is not RefusedRequestError:
            app.register_error_handler(kind, _refused)
    app.register_error_handler(HTTPException, _http_error)


def _mimetype(environ: WSGIEnvironment) -> str:
    mimetype: str = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    return mimetype


def _encoding(environ: WSGIEnvironment) -> str:
    encoding: str = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if encoding not in ENCODINGS:
        raise RefusedRequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding must be one of {', '.join(ENCODINGS)}, not {encoding}",
            (("Accept-Encoding", "gzip, zstd"),),
        )
    return encoding


def _refused(error: Exception) -> Response:
    return _response(refusal(error, request.mimetype))


def _http_error(error: HTTPException) -> Response:
    headers: tuple[tuple[str, str], ...] = ()
    if error.response is None:
        headers = tuple(pair for pair in error.get_headers() if pair[0] in ("Allow", "WWW-Authenticate"))
    status = HTTPStatus(error.code or 500)
    return _response(error_answer(status, error.description or error.name, request.mimetype, headers))


def _response(given: Answer) -> Response:
    return Response(given.body, given.status, list(given.headers))
