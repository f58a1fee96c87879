"""Granian's HTTP server, in this process, on a listening socket of ours."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.common import AbstractServer
from granian.server.mt import MTServer

from makespan_collector.gateway import Gateway

BACKLOG = 128
_MOST_CONNECTIONS = 4_096
_SPARE_DESCRIPTORS = 256
"""For the store's files, and gRPC."""
_HEADER_DEADLINE_MS = 15_000
"""Also how long a connection may idle between two requests."""
_CONNECTION_BUFFER_BYTES = 64 * 1024
"""What hyper reads ahead of one connection; the request's head must fit in. Its own 400 KiB would, with thousands of
connections, be more memory than all the limits leave."""


class HttpServer(MTServer):
    """Granian's server of worker threads.

    Its public server puts the application into a child process, which would outlive a killed parent together with
    the store's lock; and it listens with SO_REUSEPORT, which hides that a port is taken. Its server of threads is
    meant for free-threaded Python, but runs under the GIL just as well.

    Args:
        listener: Bound and listening, non-blocking; taken over.
        gateway: What serves.
        tls: Certificate chain and key; None listens in the clear.
        ready: Called once when requests are accepted.
    """

    def __init__(
        self,
        listener: socket.socket,
        gateway: Gateway,
        tls: tuple[Path, Path] | None,
        ready: Callable[[], None],
    ) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(
            "makespan_collector.gateway",
            address=host,
            port=port,
            interface=Interfaces.RSGI,
            loop=Loops.asyncio,
            # No exporter speaks OTLP/HTTP over HTTP/2, whose streams would be so many more requests a connection.
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=_HEADER_DEADLINE_MS, max_buffer_size=_CONNECTION_BUFFER_BYTES
            ),
            backpressure=_connections(),
            websockets=False,
            log_enabled=False,
            ssl_cert=None if tls is None else tls[0],
            ssl_key=None if tls is None else tls[1],
        )
        self._listener = listener
        self._gateway = gateway
        self._ready = ready

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then answer the requests under way."""
        AbstractServer.serve(self, target_loader=lambda: self._gateway.__rsgi__, wrap_loader=False)
        self._gateway.close()

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        """Start the worker threads, then say so."""
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        self._ready()

    def _init_shared_socket(self) -> None:
        self._ssp = None
        # The holder closes the descriptor it is given, so it must be the only owner.
        self._shd = SocketHolder(self._listener.detach(), False, BACKLOG)  # type: ignore[call-arg, assignment]

    def _check_gil(self) -> None:
        pass


def _connections() -> int:
    """How many connections to hold at once: idle and slow ones too, so as many as there are descriptors for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(16, min(_MOST_CONNECTIONS, soft - _SPARE_DESCRIPTORS))
