"""A real `makespan serve` process on a free port."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Served:
    url: str
    process: subprocess.Popen[str]
    grpc: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where its socket of HTTP listens."""
        host, _, port = self.url.rpartition("//")[2].rpartition(":")
        return host, int(port)

    def peak_memory_bytes(self) -> int:
        """The most memory it has had at once."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the kernel does not tell")

    def post(self, path: str, data: bytes) -> int:
        """The status code of an OTLP request."""
        headers = {"Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return int(error.code)


def serving(store: Path, *arguments: str) -> AbstractContextManager[Served]:
    """`makespan serve`, until the block ends; the line it prints when ready is what is waited for."""
    command = ["-m", "makespan_cli.main", "serve", "--port", "0", "--json", "--store", str(store)]
    return _served([*command, *arguments])


def serving_limited(store: Path, *, append_delay_s: float = 0, **limits: float) -> AbstractContextManager[Served]:
    """The same server with other limits, and with a store that takes its time."""
    return _served(
        [str(Path(__file__).with_name("limited_collector.py")), str(store), json.dumps(limits), str(append_delay_s)]
    )


@contextmanager
def _served(arguments: list[str]) -> Iterator[Served]:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        said = json.loads(line)
        yield Served(said["url"], process, said["grpc"])
    finally:
        process.kill()
        process.communicate(timeout=30)
