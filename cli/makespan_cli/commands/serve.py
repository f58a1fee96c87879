"""Collect spans, samples and log records over OTLP (HTTP and gRPC) into the embedded store, until SIGTERM or Ctrl-C.

Senders point OTEL_EXPORTER_OTLP_ENDPOINT (or MAKESPAN_ENDPOINT) at the printed URL. Data is on the disk
before a request is answered. From this machine no token is needed; from others one of `makespan token create` is.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from makespan_model.errors import UsageError
from makespan_model.settings import load_settings

DEFAULT_PORT = 4318
"""The port of OTLP/HTTP (OTLP specification 1.5)."""
GRPC_PORT = 4317
"""The port of OTLP/gRPC."""
_OFF = -1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--grpc-port",
        type=_grpc_port,
        metavar="PORT",
        help=f"port for OTLP/gRPC; 0 takes a free one, `off` none (default: {GRPC_PORT}, but off with another --port)",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain (PEM): listen with TLS")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key (PEM)")
    parser.add_argument("--require-token", action="store_true", help="ask for a token also from this machine")
    parser.add_argument("--store", metavar="DIR", help="directory of the store, made if missing (setting: store)")
    parser.add_argument(
        "--json", action="store_true", help='print {"url", "grpc", "store"} instead of a sentence when ready'
    )


def execute(arguments: argparse.Namespace) -> int:
    """Serve until stopped.

    Raises:
        UsageError: One of the two TLS files without the other.
        UnavailableError: A port is in use or another process writes the store.
    """
    from makespan_collector.serving import Endpoints, Serving, TlsFiles, serve

    if (arguments.tls_cert is None) != (arguments.tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together")
    tls = None if arguments.tls_cert is None else TlsFiles(arguments.tls_cert, arguments.tls_key)
    grpc_port = arguments.grpc_port
    if grpc_port is None and arguments.port == DEFAULT_PORT:
        grpc_port = GRPC_PORT
    serving = Serving(
        arguments.host,
        arguments.port,
        None if grpc_port == _OFF else grpc_port,
        tls,
        require_token=arguments.require_token,
    )
    store_dir = Path(load_settings(Path.cwd(), flags={"store": arguments.store}).store)

    def ready(endpoints: Endpoints) -> None:
        if arguments.json:
            print(json.dumps({"url": endpoints.url, "grpc": endpoints.grpc, "store": str(store_dir)}), flush=True)
        else:
            grpc = f" and, over gRPC, at {endpoints.grpc}" if endpoints.grpc else ""
            print(f"collecting at {endpoints.url}{grpc} into {store_dir}", flush=True)

    serve(store_dir, serving, ready=ready)
    print("stopped; everything that was acknowledged is stored", file=sys.stderr)
    return 0


def _grpc_port(text: str) -> int:
    if text == "off":
        return _OFF
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"port must be 0 to 65535 or `off`, not {port}")
    return port
