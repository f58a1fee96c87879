"""What was acknowledged is there, once, however often the collector is killed; what was not is whole or absent."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from makespan_collector.store.opening import open_store
from support.serving import Served, serving
from support.span_rows import EPOCH, SECOND, step_request

WRITERS = 4
STEPS = 70
"""Spans of one request: enough to go the way of columns."""


class Writers:
    """Threads that send one run after the other, each again until it is acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.sent: set[str] = set()
        self._address: tuple[str, int] | None = None
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]

    def aim(self, served: Served | None) -> None:
        """From now on send there."""
        if served is None:
            self._address = None
        else:
            host, _, port = served.url.removeprefix("http://").partition(":")
            self._address = (host, int(port))

    @contextmanager
    def working(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(60)

    def _write(self, writer: int) -> None:
        number = 0
        while not self._stop.is_set():
            run_id = f"{writer}-{number}"
            self.sent.add(run_id)
            body = _request(run_id)
            while not self._stop.is_set():
                if self._send(body):
                    self.acknowledged.add(run_id)
                    break
                time.sleep(0.005)
            number += 1

    def _send(self, body: bytes) -> bool:
        address = self._address
        if address is None:
            return False
        connection = http.client.HTTPConnection(*address, timeout=10)
        try:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _request(run_id: str) -> bytes:
    request = step_request(run_id, start_ns=EPOCH, end_ns=EPOCH + SECOND)
    spans = request.resource_spans[0].scope_spans[0].spans
    for number in range(1, STEPS):
        span = spans.add()
        span.CopyFrom(spans[0])
        span.span_id = number.to_bytes(8, "big")
        for attribute in span.attributes:
            if attribute.key == "makespan.step.path":
                attribute.value.string_value = f"step {number}"
    return bytes(request.SerializeToString())


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_every_acknowledged_span_is_there_once_and_none_is_half_there(tmp_path: Path, kills: int) -> None:
    store = tmp_path / "store"
    writers = Writers()
    with writers.working():
        for _ in range(kills):
            before = len(writers.acknowledged)
            with serving(store) as served:
                writers.aim(served)
                deadline = time.monotonic() + 60
                while len(writers.acknowledged) < before + 20:
                    assert time.monotonic() < deadline, "nothing is acknowledged"
                    time.sleep(0.002)
                served.process.kill()
                served.process.wait(30)
                writers.aim(None)
    with open_store(store) as opened:
        opened.compact()
        steps = {run.identity.run_id: sum(len(job.steps) for job in run.jobs) for run in opened.runs()}

    assert len(writers.acknowledged) >= 20 * kills
    assert writers.acknowledged <= steps.keys() <= writers.sent
    assert set(steps.values()) == {STEPS}
