"""Collect spans, samples and log records over OTLP (HTTP and gRPC) into the embedded store, until SIGTERM or Ctrl-C.

Senders point OTEL_EXPORTER_OTLP_ENDPOINT (or MAKESPAN_ENDPOINT) at the printed URL. Data is on the disk
before a request is answered. From this machine no token is needed; from others one of `makespan token create` is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from makespan_model.errors import UsageError
from makespan_model.setting_tables import LOG_FORMATS, CollectorSettings, Settings
from makespan_model.settings import load_settings

if TYPE_CHECKING:
    from makespan_collector.serving import Serving

GRPC_PORT = 4317
"""The port of OTLP/gRPC."""
_OFF = -1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = CollectorSettings()
    parser.add_argument("--host", help=f"address to listen on (setting: collector.host; default: {default.host})")
    parser.add_argument(
        "--port",
        type=int,
        help=f"port to listen on; 0 takes a free one (setting: collector.port; default: {default.port})",
    )
    parser.add_argument(
        "--grpc-port",
        type=_grpc_port,
        metavar="PORT",
        help=f"port for OTLP/gRPC; 0 takes a free one, `off` none (default: {GRPC_PORT}, but off with another --port)",
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate chain (PEM): listen with TLS")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key (PEM)")
    parser.add_argument(
        "--require-token", action="store_true", default=None, help="ask for a token also from this machine"
    )
    parser.add_argument("--log-format", choices=LOG_FORMATS, help="of the log on stderr (default: text)")
    parser.add_argument(
        "--store", metavar="DIR", help="directory of the store, made if missing, or `influxdb` (setting: store)"
    )
    parser.add_argument(
        "--json", action="store_true", help='print {"url", "grpc", "store"} instead of a sentence when ready'
    )


def execute(arguments: argparse.Namespace) -> int:
    """Serve until stopped.

    Raises:
        UsageError: One of the two TLS files without the other, or a setting that cannot be.
        InputError: A file is broken: of settings, of TLS, of tokens, or the store.
        UnavailableError: A port is in use or another process writes the store.
    """
    from makespan_collector.operation.logs import configure_logging
    from makespan_collector.process import end_process
    from makespan_collector.serving import Endpoints, serve
    from makespan_collector.store.places import place_of

    settings = load_settings(Path.cwd(), flags=_flags(arguments))
    configure_logging(settings.collector.log_format, sys.stderr)
    place = place_of(settings.store, settings)

    def ready(endpoints: Endpoints) -> None:
        if arguments.json:
            print(json.dumps({"url": endpoints.url, "grpc": endpoints.grpc, "store": settings.store}), flush=True)
        else:
            grpc = f" and, over gRPC, at {endpoints.grpc}" if endpoints.grpc else ""
            print(f"collecting at {endpoints.url}{grpc} into {settings.store}", flush=True)

    serve(place, _serving(settings), ready=ready)
    print("stopped; everything that was acknowledged is stored", file=sys.stderr)
    end_process(0)


def _flags(arguments: argparse.Namespace) -> dict[str, object]:
    options = ("host", "port", "grpc_port", "tls_cert", "tls_key", "require_token", "log_format")
    return {"store": arguments.store} | {f"collector.{name}": getattr(arguments, name) for name in options}


def _serving(merged: Settings) -> Serving:
    from makespan_collector.access.guard import networks
    from makespan_collector.access.token_file import tokens_path
    from makespan_collector.operation.retention import Retention
    from makespan_collector.receiving.limits import Limits
    from makespan_collector.serving import Serving, TlsFiles
    from makespan_collector.webhooks.secrets import secrets_of

    settings = merged.collector
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise UsageError("--tls-cert and --tls-key go together")
    grpc_port = settings.grpc_port
    if grpc_port is None and settings.port == CollectorSettings().port:
        grpc_port = GRPC_PORT
    return Serving(
        settings.host,
        settings.port,
        None if grpc_port == _OFF else grpc_port,
        TlsFiles(Path(settings.tls_cert), Path(settings.tls_key)) if settings.tls_cert else None,
        Limits(**{field.name: getattr(settings, field.name) for field in fields(Limits)}),
        settings.require_token,
        tokens_path(merged.store, settings.tokens_file),
        networks(settings.trusted_proxies),
        settings.min_free_bytes,
        Retention(settings.retention_samples_days, settings.retention_runs_days),
        secrets_of(os.environ),
    )


def _grpc_port(text: str) -> int:
    if text == "off":
        return _OFF
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"port must be 0 to 65535 or `off`, not {port}")
    return port
