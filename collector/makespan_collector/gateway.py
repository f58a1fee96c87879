"""Between granian and the WSGI application: a body is read whole before a thread works on its request.

Granian's own WSGI reads bodies in the worker threads, where a client that sends a byte a second holds one for as
long as it likes, and a body that breaks off is indistinguishable from one that ends. Here bodies are read in the
event loop, which holds any number of slow clients: within a deadline, within a size, and within the memory that
`Admission` gives to all requests together.
"""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import unquote_to_bytes

from granian.rsgi import ProtocolClosed, Scope  # type: ignore[attr-defined]

from makespan_collector.access.guard import DECIDING_HEADERS, AccessError, Guard
from makespan_collector.access.tokens import Scope as AccessScope
from makespan_collector.receiving.admission import ROOM_KEY, Admission, BusyError, Room
from makespan_collector.receiving.body import PayloadEncodingError, PayloadLateError, PayloadTooLargeError
from makespan_collector.receiving.limits import Limits
from makespan_collector.receiving.signals import SIGNALS

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_AT_ONCE_BYTES = 64 * 1024
"""A body up to this size is asked for in one go, which is twice as fast as in pieces."""
_AWAITED_SHARE = 4
"""Larger ones too, but room is held for them before they come. Clients that send nothing could hold all of it, so this
part of it is all that is held in advance; beyond, bodies are read in pieces and get room as they come."""
_DISCARDED_BYTES = 64 * 1024 * 1024
"""Of a refused body so much is read and thrown away: most clients read no answer before they have sent everything."""

_RECEIVER_PATHS = frozenset(signal.path for signal in SIGNALS)

_Environ: TypeAlias = dict[str, Any]
_Answer: TypeAlias = tuple[int, list[tuple[str, str]], bytes]


class _Protocol(Protocol):
    """What is used of granian's protocol object."""

    async def __call__(self) -> bytes: ...
    def __aiter__(self) -> Any: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


class Gateway:
    """An application for granian's RSGI interface that serves a WSGI application.

    Args:
        application: Called in a worker thread, with the whole body in `wsgi.input`. Reading a body that was too
            large, late, or broken off raises the error of `receiving.body`, or `BusyError`, so that the
            application answers it in its own way.
        limits: Of a body.
        admission: Gives room to bodies.
        guard: Says who may send; to others a body is given no room.
        threads: Requests worked on at once.

    Attributes:
        serving: Set when requests are taken.
    """

    def __init__(
        self, application: WSGIApplication, limits: Limits, admission: Admission, guard: Guard, threads: int
    ) -> None:
        self._application = application
        self._limits = limits
        self._admission = admission
        self._guard = guard
        self._awaited_bytes = 0
        self._most_awaited_bytes = limits.max_in_flight_bytes // _AWAITED_SHARE
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="makespan-http")
        self.serving = threading.Event()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by granian before it serves, with the loop that will run when it does."""
        loop.call_soon(self.serving.set)

    async def __rsgi__(self, scope: Scope, protocol: _Protocol) -> None:
        """Answer one request."""
        with self._admission.room() as room:
            body = await self._body(scope, protocol, room)
            environ = _environ(scope, body)
            environ[ROOM_KEY] = room
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._pool, self._work, environ)
        protocol.response_bytes(*answer)

    def close(self) -> None:
        """Wait for the requests under way."""
        self._pool.shutdown()

    def _work(self, environ: _Environ) -> _Answer:
        status, headers = "500 Internal Server Error", [("Content-Length", "0")]
        written: list[bytes] = []

        def start(
            given_status: str, given_headers: list[tuple[str, str]], _error: object = None
        ) -> Callable[[bytes], object]:
            nonlocal status, headers
            status, headers = given_status, given_headers
            return written.append

        parts = self._application(environ, start)
        try:
            written.extend(parts)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        return int(status[:3]), headers, b"".join(written)

    async def _body(self, scope: Scope, protocol: _Protocol, room: Room) -> io.BytesIO:
        try:
            async with asyncio.timeout(self._limits.body_deadline_s):
                return io.BytesIO(await self._read(scope, protocol, room))
        except TimeoutError:
            late = f"the body did not come within {self._limits.body_deadline_s:g} s"
            return _FailedBody(PayloadLateError(late))
        except (PayloadTooLargeError, PayloadEncodingError, BusyError, AccessError) as error:
            return _FailedBody(error)

    async def _read(self, scope: Scope, protocol: _Protocol, room: Room) -> bytes:
        length = _content_length(scope)
        if length == 0:
            return b""
        if length is not None and length <= min(_AT_ONCE_BYTES, self._limits.max_body_bytes):
            body = await self._read_at_once(length, protocol)
            room.grow(len(body))
            return body
        refusal = self._access_refusal(scope)
        if refusal is None and length is not None:
            refusal = self._refusal(length)
        if length is not None and refusal is None and self._awaited_bytes + length <= self._most_awaited_bytes:
            try:
                room.grow(length)
            except BusyError as error:
                refusal = error
            else:
                self._awaited_bytes += length
                try:
                    return await self._read_at_once(length, protocol)
                finally:
                    self._awaited_bytes -= length
        return await self._read_in_pieces(length, refusal, protocol, room)

    async def _read_at_once(self, length: int, protocol: _Protocol) -> bytes:
        try:
            return await protocol()
        except ProtocolClosed as error:
            raise PayloadEncodingError(f"the body broke off before its {length} bytes") from error

    async def _read_in_pieces(
        self, length: int | None, refusal: Exception | None, protocol: _Protocol, room: Room
    ) -> bytes:
        body = bytearray()
        ends = 0
        count = 0
        async for piece in protocol:
            count += len(piece)
            ends += not piece
            refusal = refusal or self._refusal(count)
            if refusal is None:
                try:
                    room.grow(len(piece))
                except BusyError as error:
                    refusal = error
                else:
                    body += piece
                    continue
            body.clear()
            if count > _DISCARDED_BYTES:
                break
        if refusal is not None:
            raise refusal
        # Granian ends a body with an empty piece, and puts another before it where the connection broke.
        if (length is not None and count != length) or ends > 1:
            raise PayloadEncodingError(f"the body broke off after {count} bytes")
        return bytes(body)

    def _access_refusal(self, scope: Scope) -> Exception | None:
        """The application's own check comes when the body is in memory, which is late for a large one."""
        if _path(scope) not in _RECEIVER_PATHS:
            return None
        headers = {name: value for name in DECIDING_HEADERS if (value := scope.headers.get(name)) is not None}
        try:
            self._guard.grant(AccessScope.INGEST, scope.headers.get("authorization"), _peer(scope), headers)
        except AccessError as error:
            return error
        return None

    def _refusal(self, count: int) -> Exception | None:
        if count <= self._limits.max_body_bytes:
            return None
        return PayloadTooLargeError(f"the body is larger than {self._limits.max_body_bytes} bytes")


class _FailedBody(io.BytesIO):
    """A body that could not be had; says so to whoever reads it."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def read(self, _size: int | None = -1, /) -> bytes:
        raise self._error

    def readline(self, _size: int | None = -1, /) -> bytes:
        raise self._error


def _content_length(scope: Scope) -> int | None:
    """The length of the body; None where it comes in chunks. Granian has refused what is no number."""
    length = scope.headers.get("content-length")
    if length is not None and "transfer-encoding" not in scope.headers:
        return int(length)
    return None if "transfer-encoding" in scope.headers else 0


def _path(scope: Scope) -> str:
    return unquote_to_bytes(scope.path).decode("latin-1")


def _peer(scope: Scope) -> str:
    """The address at the other end of the connection."""
    return scope.client.rpartition(":")[0].strip("[]")


def _environ(scope: Scope, body: io.BytesIO) -> _Environ:
    """The environment of PEP 3333."""
    address, _, port = scope.server.rpartition(":")
    environ: _Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": _path(scope),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": address,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": _peer(scope),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        # `a_b` would become the same variable as `a-b`, past a proxy that checks the one.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ
