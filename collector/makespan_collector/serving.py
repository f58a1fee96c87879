"""Runs the collector in this process: a listening socket, granian's worker threads, one store."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.common import AbstractServer
from granian.server.mt import MTServer

from makespan_collector.app import create_app
from makespan_collector.store.opening import open_store
from makespan_model.errors import UnavailableError, UsageError

# A request waits for a disk flush, not for the CPU: this many can share one flush.
_THREADS = 16
_BACKLOG = 128


def serve(store_dir: Path, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Collect into a store until SIGTERM or SIGINT; requests under way are answered first.

    Args:
        store_dir: Made if missing; this process becomes its writer.
        host: Address or name to listen on.
        port: 0 for a free one.
        ready: Called once with the base URL when requests are accepted.

    Raises:
        UnavailableError: The port is taken, the address is not ours, or the store cannot be written.
        InputError: The directory holds something that is not a store.
    """
    listener = _listen(host, port)
    with listener, open_store(store_dir) as store:
        store.compact()
        bound_host, bound_port = listener.getsockname()[:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        server = _Server(listener, create_app(store), lambda: ready(f"http://{shown}:{bound_port}"))
        server.run()
        store.compact()


class _Server(MTServer):
    """Granian's server of worker threads, on a listening socket of ours, in this one process.

    Its public WSGI server puts the application into a child process, which would outlive a killed
    parent together with the store's lock; and it listens with SO_REUSEPORT, which hides that a port is
    taken. Its server of threads is meant for free-threaded Python, but runs under the GIL just as well.
    """

    def __init__(self, listener: socket.socket, app: Callable[..., Any], ready: Callable[[], None]) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(
            "makespan_collector.app",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            blocking_threads=_THREADS,
            backpressure=4 * _THREADS,
            websockets=False,
            log_enabled=False,
        )
        self._listener = listener
        self._app = app
        self._ready = ready

    def run(self) -> None:
        """Serve until a signal."""
        AbstractServer.serve(self, target_loader=lambda: self._app, wrap_loader=False)

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        """Start the worker threads, then say so."""
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        self._ready()

    def _init_shared_socket(self) -> None:
        self._ssp = None
        # The holder closes the descriptor it is given, so it must be the only owner.
        self._shd = SocketHolder(self._listener.detach(), False, _BACKLOG)  # type: ignore[call-arg, assignment]

    def _check_gil(self) -> None:
        pass


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise UsageError(f"port must be 0 to 65535, not {port}")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise UnavailableError(f"cannot listen on {host}: {error.strerror or error}") from error
    try:
        # Lets a restarted collector have its port back while old connections linger; two listeners still collide.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UnavailableError(
                f"port {port} on {host} is in use; stop what listens there "
                "or choose another with --port (0 takes a free one)"
            ) from error
        raise UnavailableError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return listener
