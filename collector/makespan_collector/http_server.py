"""Granian's HTTP server, in this process, on a listening socket of ours."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import threading
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


_LOOK_AFTER_WORKER_S = 1.0


class _Wakeup(threading.Event):
    """An event that signals, and their handlers, set.

    With Python's own, a signal that comes as the main thread begins to wait is noticed when it next wakes, which is
    never. Here the signal itself writes to the pipe that is waited for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def wait_for_signals(self) -> None:
        """Be set by every signal that Python handles. Only in the main thread."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def set(self) -> None:
        """Wake whoever waits, or will."""
        # A full pipe wakes as well.
        with contextlib.suppress(BlockingIOError):
            os.write(self._writer, b"\0")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait to be woken; each waking counts once."""
        assert timeout is None
        return bool(os.read(self._reader, 1))


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
        self.main_loop_interrupt: _Wakeup = _Wakeup()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then answer the requests under way."""
        AbstractServer.serve(self, target_loader=lambda: self._gateway, wrap_loader=False)  # type: ignore[arg-type, return-value]
        self._gateway.close()

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        """Start the worker thread, and say so once it serves."""
        self.main_loop_interrupt.wait_for_signals()
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        while not self._gateway.serving.wait(_LOOK_AFTER_WORKER_S):
            if not self.wrks[0].is_alive():  # type: ignore[no-untyped-call]
                # The loop that follows sees why and ends.
                return
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
