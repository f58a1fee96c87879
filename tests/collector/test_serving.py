"""What becomes of requests when the server is told to stop."""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from makespan_collector.store.opening import open_store
from support.serving import Served, serving, serving_limited
from support.span_rows import step_request


def _run_ids(store: Path) -> set[str]:
    with open_store(store, read_only=True) as opened:
        return {run.identity.run_id for run in opened.runs(limit=100_000)}


def _send_over_http(served: Served, number: str) -> bool:
    return served.post("/v1/traces", step_request(number).SerializeToString()) == 200


def _send_over_grpc(served: Served, number: str) -> bool:
    assert served.grpc is not None
    with grpc.insecure_channel(served.grpc) as channel:
        TraceServiceStub(channel).Export(step_request(number), timeout=30)
    return True


def _threads(served: Served) -> int:
    return len(list(Path(f"/proc/{served.process.pid}/task").iterdir()))


def test_everything_acknowledged_before_a_sigterm_under_load_is_stored(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    started = threading.Semaphore(0)

    def send(served: Served, writer: str, transport: Callable[[Served, str], bool]) -> None:
        with contextlib.suppress(OSError, grpc.RpcError, http.client.HTTPException):
            for number in range(10_000):
                if transport(served, f"{writer}-{number}"):
                    acknowledged.add(f"{writer}-{number}")
                    started.release()

    with serving(tmp_path / "store", "--grpc-port", "0") as served:
        writers = [
            threading.Thread(target=send, args=(served, f"{name}{number}", transport))
            for name, transport in (("http", _send_over_http), ("grpc", _send_over_grpc))
            for number in range(4)
        ]
        for writer in writers:
            writer.start()
        for _ in range(50):
            assert started.acquire(timeout=60)
        served.process.send_signal(signal.SIGTERM)
        code = served.process.wait(60)
        for writer in writers:
            writer.join(60)

    assert code == 0
    assert acknowledged <= _run_ids(tmp_path / "store")
    assert {name[:4] for name in acknowledged} == {"http", "grpc"}


def test_requests_that_wait_for_the_store_at_a_sigterm_are_answered(tmp_path: Path) -> None:
    statuses: list[int] = []

    def send(served: Served, number: int) -> None:
        statuses.append(served.post("/v1/traces", step_request(str(number)).SerializeToString()))

    with serving_limited(tmp_path / "store", append_delay_s=1) as served:
        idle_threads = _threads(served)
        writers = [threading.Thread(target=send, args=(served, number)) for number in range(8)]
        for writer in writers:
            writer.start()
        # Each request that waits for the store has a thread.
        while _threads(served) < idle_threads + len(writers):
            assert not statuses, "a request was answered before all were under way"
            time.sleep(0.01)
        served.process.send_signal(signal.SIGTERM)
        for writer in writers:
            writer.join(60)
        assert served.process.wait(60) == 0

    assert statuses == [200] * 8
    assert _run_ids(tmp_path / "store") == {str(number) for number in range(8)}


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        pytest.param(b"POST /v1/tr", marks=pytest.mark.slow, id="half a head, which has 15 s to come"),
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
    ],
)
def test_a_client_that_sends_nothing_more_does_not_keep_the_server_from_stopping(
    tmp_path: Path, beginning: bytes
) -> None:
    with (
        serving_limited(tmp_path / "store", body_deadline_s=1) as served,
        socket.create_connection(served.address) as connection,
    ):
        connection.sendall(beginning)
        assert _send_over_http(served, "1")
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(60) == 0

    assert _run_ids(tmp_path / "store") == {"1"}
