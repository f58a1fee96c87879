"""A real InfluxDB 1.x server on a free port, with a folder of its own, for as long as a block lasts."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest


def require(program: str, package: str) -> str:
    """Path of a server's program; skips the test where it is absent, fails it where services are required."""
    found = shutil.which(program)
    if found is None and os.environ.get("MAKESPAN_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{program} required (MAKESPAN_REQUIRE_SERVICES=1) and not installed: apt-get install {package}")
    if found is None:
        pytest.skip(f"{program} is not installed (Debian package {package})")
    return found


@dataclass
class RunningServer:
    url: str
    process: subprocess.Popen[bytes]


class Influxd:
    """A server that can be killed and started again on the same port and data."""

    def __init__(self, folder: Path, *, auth: bool = False) -> None:
        self._program = require("influxd", "influxdb")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._port, rpc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        (folder / "influxdb.conf").write_text(
            dedent(
                f"""
                reporting-disabled = true
                bind-address = "127.0.0.1:{rpc_port}"
                [meta]
                dir = "{folder}/meta"
                [data]
                dir = "{folder}/data"
                wal-dir = "{folder}/wal"
                index-version = "tsi1"
                query-log-enabled = false
                [http]
                bind-address = "127.0.0.1:{self._port}"
                log-enabled = false
                auth-enabled = {str(auth).lower()}
                [monitor]
                store-enabled = false
                """
            )
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        self.process = _started([self._program, "-config", str(self._folder / "influxdb.conf")], f"{self.url}/ping")

    def kill(self) -> None:
        """End it without a warning."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None


@contextmanager
def running_influxd(folder: Path, *, auth: bool = False) -> Iterator[Influxd]:
    server = Influxd(folder, auth=auth)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def running_victoria_metrics(folder: Path) -> Iterator[str]:
    """The base URL of a VictoriaMetrics server."""
    program = require("victoria-metrics", "victoria-metrics")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}", "-retentionPeriod=100y"]
    process = _started([program, *arguments], f"{url}/health")
    try:
        yield url
    finally:
        process.kill()
        process.wait(30)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def _started(command: list[str], probe: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(probe, timeout=5):
                return process
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            time.sleep(0.02)
    process.kill()
    raise AssertionError(f"{command[0]} did not answer at {probe}")
