"""Runs the collector in this process: listening sockets, worker threads, one store."""

from __future__ import annotations

import errno
import importlib.util
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from makespan_collector.access.exposure import exposure_warnings
from makespan_collector.access.guard import Guard, Network
from makespan_collector.access.token_file import LiveTokens, tokens_path
from makespan_collector.app import create_app
from makespan_collector.gateway import Gateway
from makespan_collector.http_server import BACKLOG, HttpServer
from makespan_collector.operation.logs import RefusalLog
from makespan_collector.operation.metrics import Metrics
from makespan_collector.operation.readiness import Check
from makespan_collector.operation.retention import Retention, pruning
from makespan_collector.operation.store_checks import directory_checks, store_checks
from makespan_collector.receiving.admission import Admission
from makespan_collector.receiving.limits import Limits
from makespan_collector.store.contract import Store
from makespan_collector.store.places import StorePlace, open_place
from makespan_collector.webhooks.blueprint import webhooks_blueprint
from makespan_collector.webhooks.secrets import WebhookSecrets
from makespan_model.errors import InputError, UnavailableError, UsageError
from makespan_model.setting_tables import INFLUXDB

# A request waits for a disk flush, not for the CPU: this many can share one flush.
_THREADS = 16


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate chain and its key, both in PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and how to listen.

    Attributes:
        host: Address or name.
        port: For HTTP; 0 for a free one.
        grpc_port: For gRPC; 0 for a free one, None for none.
        tls: Listen with TLS on both.
        limits: Of the receivers.
        require_token: Also from this very machine.
        tokens_file: Of the tokens' digests; need not be there.
        trusted_proxies: Whose `X-Forwarded-For` is believed.
        min_free_bytes: With less on the store's disk the collector says that it is not ready.
        retention: How long data is kept.
        webhooks: What GitHub and GitLab must know; without, their webhooks are refused.
    """

    host: str = "127.0.0.1"
    port: int = 0
    grpc_port: int | None = None
    tls: TlsFiles | None = None
    limits: Limits = field(default_factory=Limits)
    require_token: bool = False
    tokens_file: Path | None = None
    trusted_proxies: tuple[Network, ...] = ()
    min_free_bytes: int = 256 * 1024 * 1024
    retention: Retention = field(default_factory=Retention)
    webhooks: WebhookSecrets = field(default_factory=WebhookSecrets)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the transports share."""

    admission: Admission
    guard: Guard
    metrics: Metrics
    refusals: RefusalLog


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the collector listens: the base URL of HTTP, and `host:port` of gRPC."""

    url: str
    grpc: str | None = None


def serve(place: StorePlace, serving: Serving, *, ready: Callable[[Endpoints], None]) -> None:
    """Collect into a store until SIGTERM or SIGINT; requests under way are answered first.

    Args:
        place: A directory, made if missing, whose writer this process becomes; or a server.
        serving: Where and how to listen.
        ready: Called once when requests are accepted.

    Raises:
        UnavailableError: A port is taken, the address is not ours, or the store cannot be written.
        InputError: The directory holds something that is not a store, a TLS file cannot be used, or the file of
            tokens is broken or readable by others.
    """
    _check_tls(serving.tls)
    tokens = LiveTokens(serving.tokens_file or tokens_path(str(place) if isinstance(place, Path) else INFLUXDB, ""))
    listener = _listen(serving.host, serving.port)
    with listener, open_place(place) as store:
        store.compact()
        bound_host, bound_port = listener.getsockname()[:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        url = f"{'http' if serving.tls is None else 'https'}://{shown}:{bound_port}"
        is_encrypted = serving.tls is not None or bool(serving.trusted_proxies)
        for warning in exposure_warnings(bound_host, has_tokens=bool(tokens.by_id()), is_encrypted=is_encrypted):
            _log.warning(warning)
        shared = _Shared(
            Admission(serving.limits.max_in_flight_bytes, serving.limits.requests_per_s),
            Guard(tokens.by_id, not serving.require_token, serving.trusted_proxies),
            Metrics(),
            RefusalLog(),
        )
        app = create_app(
            store,
            limits=serving.limits,
            admission=shared.admission,
            guard=shared.guard,
            metrics=shared.metrics,
            refusals=shared.refusals,
            checks=_checks(place, store, serving),
            blueprints=[webhooks_blueprint(store, serving.webhooks, limits=serving.limits)],
        )
        with pruning(store, serving.retention), _grpc_receivers(store, serving, shared, shown) as grpc_endpoint:
            gateway = Gateway(app, serving.limits, shared.admission, shared.guard, _THREADS)
            tls = None if serving.tls is None else (serving.tls.certificate, serving.tls.key)
            HttpServer(listener, gateway, tls, lambda: ready(Endpoints(url, grpc_endpoint))).run()
        store.compact()


def _checks(place: StorePlace, store: Store, serving: Serving) -> dict[str, Check]:
    """What `/readyz` asks."""
    of_disk = directory_checks(place, serving.min_free_bytes) if isinstance(place, Path) else {}
    return {**of_disk, **store_checks(store)}


@contextmanager
def _grpc_receivers(store: Store, serving: Serving, shared: _Shared, host: str) -> Iterator[str | None]:
    """Listen for gRPC as well, where it is wanted and grpcio is there."""
    if serving.grpc_port is None:
        yield None
        return
    if importlib.util.find_spec("grpc") is None:
        _log.warning("no gRPC receiver: install it with `pip install 'makespan[grpc]'`, or say --grpc-port off")
        yield None
        return
    import grpc

    from makespan_collector.operation.grpc_observation import GrpcObserver
    from makespan_collector.receiving.grpc_server import GrpcReceivers

    credentials = None
    if serving.tls is not None:
        pair = (serving.tls.key.read_bytes(), serving.tls.certificate.read_bytes())
        credentials = grpc.ssl_server_credentials([pair])
    receivers = GrpcReceivers(
        store,
        serving.limits,
        shared.admission,
        f"{host}:{serving.grpc_port}",
        shared.guard,
        metrics=shared.metrics,
        credentials=credentials,
        interceptors=[GrpcObserver(shared.metrics, shared.refusals)],
    )
    receivers.start()
    try:
        yield f"{host}:{receivers.port}"
    finally:
        receivers.stop()


def _check_tls(tls: TlsFiles | None) -> None:
    if tls is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"TLS with {tls.certificate} and {tls.key}: {error}") from error


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
        listener.listen(BACKLOG)
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
