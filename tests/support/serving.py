"""A real `makespan serve` process on a free port."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Served:
    url: str
    process: subprocess.Popen[str]
    grpc: str | None = None

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


@contextmanager
def serving(store: Path, *arguments: str) -> Iterator[Served]:
    """Runs until the block ends; the line it prints when ready is what is waited for."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "makespan_cli.main",
            "serve",
            "--port",
            "0",
            "--json",
            "--store",
            str(store),
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
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
