from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from makespan_collector.server import BackgroundCollector, is_healthy
from makespan_collector.store.opening import open_store
from makespan_model.errors import UnavailableError
from support.span_rows import step_request


def post(endpoint: str, run_id: str) -> int:
    data = step_request(run_id).SerializeToString()
    request = urllib.request.Request(f"{endpoint}/v1/traces", data, {"Content-Type": "application/x-protobuf"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(answer.status)


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_it_collects_while_the_block_lasts_and_is_gone_afterwards(tmp_path: Path) -> None:
    with BackgroundCollector(tmp_path / "store") as collector:
        assert collector.endpoint.startswith("http://127.0.0.1:")
        assert post(collector.endpoint, "1") == 200
    assert not is_healthy(collector.endpoint)
    with open_store(tmp_path / "store") as store:
        assert [run.identity.run_id for run in store.runs()] == ["1"]


def test_two_collectors_take_different_ports(tmp_path: Path) -> None:
    with BackgroundCollector(tmp_path / "a") as first, BackgroundCollector(tmp_path / "b") as second:
        assert first.endpoint != second.endpoint
        assert is_healthy(first.endpoint)
        assert is_healthy(second.endpoint)


def test_a_store_in_use_is_an_error_that_says_so(tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "store"),
        pytest.raises(UnavailableError, match="already being written by process"),
        BackgroundCollector(tmp_path / "store"),
    ):
        pass


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from makespan_collector.server import BackgroundCollector\n"
        "with BackgroundCollector(Path(sys.argv[1])) as collector:\n"
        "    print(collector._process.pid, collector.endpoint, flush=True); sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "store")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid, endpoint = parent.stdout.readline().split()
    assert post(endpoint, "1") == 200
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate(timeout=30)
    deadline = time.monotonic() + 30
    while not ended(int(pid)):
        assert time.monotonic() < deadline, "the collector outlived its parent"
        time.sleep(0.05)
    with open_store(tmp_path / "store") as store:
        assert len(store.runs()) == 1
