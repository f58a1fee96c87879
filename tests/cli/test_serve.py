from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import urllib.error
from pathlib import Path

import pytest

from makespan_collector.server import is_healthy
from makespan_collector.store.opening import open_store
from makespan_model.errors import ExitCode
from support.serving import serving
from support.span_rows import step_request


def stored_runs(store: Path) -> set[str]:
    with open_store(store) as opened:
        return {run.identity.run_id for run in opened.runs()}


def test_nothing_acknowledged_is_lost_by_kill_9_right_after_the_answer(tmp_path: Path) -> None:
    with serving(tmp_path / "store") as served:
        assert served.post("/v1/traces", step_request("1").SerializeToString()) == 200
        served.process.kill()
        served.process.wait(30)
    assert stored_runs(tmp_path / "store") == {"1"}


def test_every_acknowledged_run_survives_kill_9_under_load(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    enough = threading.Event()

    def send(sender: int) -> None:
        try:
            for number in range(1000):
                run_id = f"{sender}-{number}"
                if served.post("/v1/traces", step_request(run_id).SerializeToString()) == 200:
                    acknowledged.add(run_id)
                if len(acknowledged) >= 100:
                    enough.set()
        except (urllib.error.URLError, OSError):
            pass
        finally:
            enough.set()

    with serving(tmp_path / "store") as served:
        senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
        for sender in senders:
            sender.start()
        assert enough.wait(60)
        served.process.kill()
        for sender in senders:
            sender.join(60)
    assert len(acknowledged) >= 100
    assert acknowledged <= stored_runs(tmp_path / "store")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_on_a_signal_and_releases_the_store(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path / "store") as served:
        assert is_healthy(served.url)
        served.post("/v1/traces", step_request("1").SerializeToString())
        served.process.send_signal(number)
        assert served.process.wait(30) == ExitCode.SUCCESS
    assert stored_runs(tmp_path / "store") == {"1"}


def test_a_request_under_way_is_answered_before_it_stops(tmp_path: Path) -> None:
    body = step_request("1").SerializeToString()
    with serving(tmp_path / "store") as served:
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(
                b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
            )
            # The server asks for the body when the application reads it: the request is under way.
            assert connection.recv(1000).startswith(b"HTTP/1.1 100")
            served.process.send_signal(signal.SIGTERM)
            connection.sendall(body)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        assert served.process.wait(30) == ExitCode.SUCCESS
    assert stored_runs(tmp_path / "store") == {"1"}


def run_serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "makespan_cli.main", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_serve("--port", str(port), "--store", str(tmp_path / "store"))
    assert ended.returncode == ExitCode.UNAVAILABLE
    assert f"port {port} on 127.0.0.1 is in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_store_in_use_names_its_writer(tmp_path: Path) -> None:
    with serving(tmp_path / "store") as served:
        ended = run_serve("--port", "0", "--store", str(tmp_path / "store"))
        assert ended.returncode == ExitCode.UNAVAILABLE
        assert f"already being written by process {served.process.pid}" in ended.stderr


def test_a_port_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    ended = run_serve("--port", "70000", "--store", str(tmp_path / "store"))
    assert ended.returncode == ExitCode.USAGE
    assert "port must be 0 to 65535" in ended.stderr


def test_without_json_one_line_names_the_url_and_the_store(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "makespan_cli.main", "serve", "--port", "0", "--store", str(tmp_path / "store")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.terminate()
    rest, _ = process.communicate(timeout=30)
    assert line.startswith("collecting at http://127.0.0.1:")
    assert str(tmp_path / "store") in line
    assert rest == ""


def test_a_signal_right_after_the_start_stops_it_as_any_other_does(tmp_path: Path) -> None:
    for number in range(12):
        with serving(tmp_path / str(number)) as served:
            served.process.terminate()
            _, said = served.process.communicate(timeout=30)
            assert served.process.returncode == ExitCode.SUCCESS, said
