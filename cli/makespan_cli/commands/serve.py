"""Collect spans and samples over OTLP/HTTP into the embedded store, until SIGTERM or Ctrl-C.

Senders point OTEL_EXPORTER_OTLP_ENDPOINT (or MAKESPAN_ENDPOINT) at the printed URL. Data is on the disk
before a request is answered. Nothing is authenticated: listen on loopback, or behind a proxy that does it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from makespan_model.settings import load_settings

DEFAULT_PORT = 4318
"""The port of OTLP/HTTP (OTLP specification 1.5)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument("--store", metavar="DIR", help="directory of the store, made if missing (setting: store)")
    parser.add_argument("--json", action="store_true", help='print {"url", "store"} instead of a sentence when ready')


def execute(arguments: argparse.Namespace) -> int:
    """Serve until stopped.

    Raises:
        UnavailableError: The port is in use or another process writes the store.
    """
    from makespan_collector.serving import serve

    store_dir = Path(load_settings(Path.cwd(), flags={"store": arguments.store}).store)

    def ready(url: str) -> None:
        if arguments.json:
            print(json.dumps({"url": url, "store": str(store_dir)}), flush=True)
        else:
            print(f"collecting at {url} into {store_dir}", flush=True)

    serve(store_dir, host=arguments.host, port=arguments.port, ready=ready)
    print("stopped; everything that was acknowledged is stored", file=sys.stderr)
    return 0
