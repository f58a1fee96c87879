"""`python -m makespan_collector`: the child process of `server.BackgroundCollector`.

Listens on a free port of 127.0.0.1, prints `{"url": ...}` when ready, and stops on SIGTERM or when its
standard input is closed, which also happens when the parent was killed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from makespan_collector.process import end_process
from makespan_collector.serving import Endpoints, Serving, serve
from makespan_model.errors import MakespanError


def main() -> NoReturn:
    """Serve until told to stop; an error is one line on stderr."""
    parser = argparse.ArgumentParser(prog="makespan_collector")
    parser.add_argument("--store", type=Path, required=True)
    store_dir = parser.parse_args().store

    def ready(endpoints: Endpoints) -> None:
        print(json.dumps({"url": endpoints.url}), flush=True)
        threading.Thread(target=_stop_with_parent, daemon=True).start()

    try:
        serve(store_dir, Serving(), ready=ready)
    except MakespanError as error:
        print(error, file=sys.stderr)
        end_process(error.exit_code)
    end_process(0)


def _stop_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
