"""Clients that send slowly, half, too much or nonsense, against the real server."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from makespan_collector.store.opening import open_store
from support.serving import Served, serving, serving_limited
from support.span_rows import step_request

HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-protobuf\r\n"
GOOD = step_request().SerializeToString()
LARGE = step_request(attributes={"long": "x" * 300_000}).SerializeToString()
"""More than the gateway reads in one go."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("gateway") / "store") as running:
        yield running


def _connect(served: Served) -> socket.socket:
    return socket.create_connection(served.address, timeout=60)


def _exchange(served: Served, data: bytes, *, half_closed: bool = False) -> bytes:
    """Everything that is answered to these bytes, until the server closes."""
    with _connect(served) as connection:
        # A server that has refused already may have closed.
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            if half_closed:
                connection.shutdown(socket.SHUT_WR)
        return _read_to_end(connection)


def _read_to_end(connection: socket.socket) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            answer += piece
    return answer


def _statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def _with_length(body: bytes, length: int | None = None) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


def _chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + end


def _run_ids(store: Path) -> list[str]:
    with open_store(store, read_only=True) as opened:
        return [run.identity.run_id for run in opened.runs()]


@pytest.mark.parametrize(
    "beginning",
    [b"", b"POST /v1/tr", _with_length(b"\x0a", 1000), _with_length(b"\x0a", 10**6), _chunked(b"\x0a", end=b"")],
    ids=["nothing", "half a head", "a byte of a small body", "a byte of a large body", "a chunk"],
)
def test_hundreds_of_slow_clients_do_not_keep_others_waiting(served: Served, beginning: bytes) -> None:
    with contextlib.ExitStack() as open_connections:
        slow = [open_connections.enter_context(_connect(served)) for _ in range(300)]
        for connection in slow:
            connection.sendall(beginning)

        assert served.post("/v1/traces", GOOD) == 200

        for connection in slow:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)


@pytest.mark.parametrize(
    "beginning", [_with_length(b"\x0a", 1000), _with_length(b"\x0a", 10**6), _chunked(b"a", end=b"")]
)
def test_a_body_that_does_not_come_is_given_up(tmp_path: Path, beginning: bytes) -> None:
    with serving_limited(tmp_path / "store", body_deadline_s=0.2) as served:
        answer = _exchange(served, beginning)

    assert _statuses(answer) == [408]
    assert b"did not come within 0.2 s" in answer


@pytest.mark.parametrize(
    "cut_off",
    [
        _with_length(GOOD, len(GOOD) + 1),
        _with_length(b"", 10),
        _with_length(LARGE, len(LARGE) + 1),
        _chunked(GOOD, end=b""),
        _chunked(LARGE, end=b""),
        _chunked(GOOD, end=b"5\r\nab"),
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nnot a length\r\n",
    ],
    ids=["small", "no body at all", "large", "chunks", "a large chunk", "within a chunk", "a wrong chunk"],
)
def test_a_body_that_breaks_off_is_refused_though_its_beginning_is_a_request(tmp_path: Path, cut_off: bytes) -> None:
    with serving(tmp_path / "store") as served:
        answer = _exchange(served, cut_off, half_closed=True)

    assert _statuses(answer) == [400]
    assert b"broke off" in answer
    assert _run_ids(tmp_path / "store") == []


@pytest.mark.parametrize("body", [GOOD, LARGE], ids=["small", "large"])
def test_a_body_in_chunks_is_kept(tmp_path: Path, body: bytes) -> None:
    with serving(tmp_path / "store") as served:
        assert _statuses(_exchange(served, _chunked(body[:100], body[100:]))) == [200]

    assert _run_ids(tmp_path / "store") == ["7"]


def test_pipelined_requests_are_each_answered_in_order(tmp_path: Path) -> None:
    requests = [_with_length(step_request(str(number)).SerializeToString()) for number in range(20)]
    requests.insert(10, _with_length(b"\xff"))
    requests[:-1] = [request.replace(b"Connection: close\r\n", b"") for request in requests[:-1]]
    with serving(tmp_path / "store") as served:
        answer = _exchange(served, b"".join(requests))

    assert _statuses(answer) == [200] * 10 + [400] + [200] * 10
    assert sorted(_run_ids(tmp_path / "store"), key=int) == [str(number) for number in range(20)]


def test_a_header_with_an_underscore_stands_for_no_other(served: Served) -> None:
    disguised = HEAD.replace(b"Content-Type:", b"Content_Type:")

    assert _statuses(_exchange(served, disguised + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD)) == [415]


def test_two_lengths_of_one_body_are_refused(served: Served) -> None:
    data = HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"

    assert _statuses(_exchange(served, data)) == [400]


def test_a_path_in_another_spelling_is_the_same_path(served: Served) -> None:
    assert _statuses(_exchange(served, _with_length(GOOD).replace(b"/v1/traces", b"/v1/tr%61ces"))) == [200]


@pytest.mark.parametrize("head_bytes", [100_000, 10_000_000])
def test_an_endless_head_is_refused(served: Served, head_bytes: int) -> None:
    answer = _exchange(served, HEAD + b"X: " + b"y" * head_bytes)

    assert _statuses(answer) in ([431], [])
    assert served.post("/v1/traces", GOOD) == 200


def test_a_body_over_the_limit_is_told_so_even_to_a_client_that_sends_all_of_it_first(served: Served) -> None:
    assert served.post("/v1/traces", bytes(17 * 1024 * 1024)) == 413


def test_endless_chunks_are_refused_and_take_no_memory(tmp_path: Path) -> None:
    with serving(tmp_path / "store") as served:
        before_bytes = served.peak_memory_bytes()
        with _connect(served) as connection:
            connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = b"%x\r\n%s\r\n" % (2**20, bytes(2**20))
            # It hangs up in the end, however much there is.
            with contextlib.suppress(ConnectionError):
                for _ in range(1_000):
                    connection.sendall(chunk)
                pytest.fail("a gigabyte was read")
            assert served.peak_memory_bytes() - before_bytes < 64 * 2**20


def _gzip_bomb(size_bytes: int) -> bytes:
    stream = zlib.compressobj(9, wbits=31)
    zeros = bytes(2**20)
    return b"".join(stream.compress(zeros) for _ in range(size_bytes >> 20)) + stream.flush()


def _zstd_bomb(size_bytes: int) -> bytes:
    stream = zstandard.ZstdCompressor(level=19).compressobj()
    zeros = bytes(2**20)
    return b"".join(stream.compress(zeros) for _ in range(size_bytes >> 20)) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "bomb"), [("gzip", _gzip_bomb(2**30)), ("zstd", _zstd_bomb(2**30))], ids=["gzip", "zstd"]
)
def test_a_bomb_of_a_gigabyte_is_refused_and_takes_no_memory(tmp_path: Path, encoding: str, bomb: bytes) -> None:
    with serving(tmp_path / "store") as served:
        before_bytes = served.peak_memory_bytes()
        head = HEAD + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding.encode(), len(bomb))
        answer = _exchange(served, head + bomb)

        assert _statuses(answer) == [413]
        assert served.peak_memory_bytes() - before_bytes < 256 * 2**20
        assert served.post("/v1/traces", GOOD) == 200
    assert _run_ids(tmp_path / "store") == ["7"]


def test_a_flood_on_a_slow_store_is_told_to_come_back_and_memory_stays_bounded(tmp_path: Path) -> None:
    mebibyte = 2**20
    limits = {"max_body_bytes": 8 * mebibyte, "max_in_flight_bytes": 32 * mebibyte}
    statuses: list[tuple[str, int]] = []

    def flood(number: int, served: Served) -> None:
        body = step_request(str(number), attributes={"long": "x" * 4 * mebibyte}).SerializeToString()
        statuses.append((str(number), served.post("/v1/traces", body)))

    with serving_limited(tmp_path / "store", append_delay_s=0.5, **limits) as served:
        assert served.post("/v1/traces", GOOD) == 200
        before_bytes = served.peak_memory_bytes()
        threads = [threading.Thread(target=flood, args=(number, served)) for number in range(100, 180)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        grown_bytes = served.peak_memory_bytes() - before_bytes

    assert {status for _, status in statuses} == {200, 429}
    assert grown_bytes < 10 * limits["max_in_flight_bytes"]
    accepted = sorted(number for number, status in statuses if status == 200)
    assert sorted(_run_ids(tmp_path / "store")) == sorted([*accepted, "7"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_bytes_come_the_server_answers_the_senders_fault_or_hangs_up(
    served: Served, data: st.DataObject
) -> None:
    good = data.draw(st.sampled_from([_with_length(GOOD), _chunked(GOOD), _with_length(gzip.compress(GOOD))]))
    request = bytearray(good)
    for place in data.draw(st.lists(st.integers(0, len(request) - 1), max_size=6)):
        request[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.just(len(request)) | st.integers(0, len(request)))

    with _connect(served) as connection:
        connection.sendall(request[:cut])
        connection.settimeout(0.2)
        try:
            answer = connection.recv(65536)
        except TimeoutError:
            # It waits for more, of which there is none.
            answer = b""
        connection.settimeout(60)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        answer += _read_to_end(connection)

    assert all(status == 200 or 400 <= status < 500 or status == 501 for status in _statuses(answer)), answer
    assert served.post("/v1/traces", GOOD) == 200


def test_strangers_get_no_room_for_large_bodies(tmp_path: Path) -> None:
    with serving(tmp_path / "store", "--require-token") as served, contextlib.ExitStack() as connections:
        before_bytes = served.peak_memory_bytes()
        for _ in range(20):
            connection = connections.enter_context(_connect(served))
            connection.sendall(_with_length(bytes(15 * 2**20), 15 * 2**20 + 1))

        assert served.peak_memory_bytes() - before_bytes < 64 * 2**20
        assert _statuses(_exchange(served, _with_length(LARGE))) == [401]
