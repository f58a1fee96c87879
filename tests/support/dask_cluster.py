"""A Dask cluster of real processes on this machine: a scheduler, and workers that can be killed one by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class RunningCluster:
    """A cluster; its workers have one thread each and nobody who starts them again."""

    address: str
    workers: tuple[subprocess.Popen[bytes], ...]


@contextmanager
def running_cluster(folder: Path, workers: int, *, allowed_failures: int = 3) -> Iterator[RunningCluster]:
    """Start one on 127.0.0.1, wait until it is complete, end it by its pids."""
    from distributed import Client

    file = folder / "scheduler.json"
    settings = {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures),
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        with (folder / f"dask-{len(started)}.log").open("wb") as log:
            command = [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1", "--no-dashboard"]
            process = subprocess.Popen(
                command, env={**os.environ, **settings}, cwd=folder, stdout=log, stderr=subprocess.STDOUT
            )
        started.append(process)
        return process

    try:
        start("scheduler", "--port", "0", "--scheduler-file", str(file))
        address = _address(file)
        found = [
            start("worker", address, "--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
            for _ in range(workers)
        ]
        if workers:
            with Client(address, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=60)
        yield RunningCluster(address, tuple(found))
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(file: Path) -> str:
    until = time.monotonic() + 60
    while True:
        try:
            return str(json.loads(file.read_text())["address"])
        except (FileNotFoundError, json.JSONDecodeError):
            assert time.monotonic() < until, "the scheduler did not start"
            time.sleep(0.05)
