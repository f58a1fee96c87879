"""A collector in a child process, for commands that need one while they run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from makespan_model.errors import UnavailableError

_READY_DEADLINE_S = 20.0
_STOP_DEADLINE_S = 20.0
_POLL_INTERVAL_S = 0.02


class BackgroundCollector:
    """A collector in a child process, for as long as a `with` block lasts; it ends with its parent too.

    Args:
        store_dir: Made if missing.

    Raises:
        UnavailableError: It did not become ready; the message holds what it said.
    """

    def __init__(self, store_dir: Path) -> None:
        self._store_dir = store_dir
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self.endpoint = ""

    def __enter__(self) -> Self:
        self._output = tempfile.TemporaryFile()
        # Its own session: Ctrl-C must reach the build, and the collector only when the build is done.
        # stdin stays open as long as this process lives, which is how the child notices that it died.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "makespan_collector", "--store", str(self._store_dir)],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self.endpoint = self._await_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _await_ready(self) -> str:
        assert self._process is not None
        deadline = time.monotonic() + _READY_DEADLINE_S
        while time.monotonic() < deadline:
            endpoint = self._announced_endpoint()
            if endpoint is not None and is_healthy(endpoint):
                return endpoint
            if self._process.poll() is not None:
                raise UnavailableError(f"the collector did not start: {self._said() or 'it said nothing'}")
            time.sleep(_POLL_INTERVAL_S)
        raise UnavailableError(f"the collector was not ready after {_READY_DEADLINE_S:.0f} s: {self._said()}")

    def _announced_endpoint(self) -> str | None:
        for line in self._said().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                return str(json.loads(line)["url"])
        return None

    def _said(self) -> str:
        assert self._output is not None
        # The child writes at the offset both share, so this reads by position instead of seeking.
        descriptor = self._output.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8", "replace")

    def _stop(self) -> None:
        assert self._process is not None
        assert self._output is not None
        self._process.terminate()
        try:
            self._process.wait(_STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._output.close()
        self._process = None


def is_healthy(endpoint: str) -> bool:
    """Whether a collector answers at this base URL."""
    # Proxies of the environment are for the outside world.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
