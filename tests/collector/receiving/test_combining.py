from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from makespan_collector.receiving.combining import Combiner
from makespan_collector.receiving.signals import Contents, NothingKeptError, decode_together
from makespan_model.errors import UnavailableError
from support.span_rows import step_request

SPANS = 100
"""Of a request: as many as are decoded into columns."""


def _request(run_id: str) -> ExportTraceServiceRequest:
    request = step_request(run_id)
    spans = request.resource_spans[0].scope_spans[0].spans
    for number in range(1, SPANS):
        spans.add().CopyFrom(spans[0])
        spans[-1].span_id = number.to_bytes(8, "big")
    return request


def _run_ids(contents: Contents) -> list[str]:
    return [str(run_id) for run_id in contents.spans.column("run_id").to_pylist()]  # type: ignore[union-attr]


class HeldStore:
    """Keeps nothing before it is released, so that requests pile up behind the first."""

    def __init__(self, error: Exception | None = None) -> None:
        self.kept: list[Contents] = []
        self.entered = threading.Event()
        self.released = threading.Event()
        self._error = error

    def keep(self, contents: Contents) -> None:
        self.entered.set()
        assert self.released.wait(60)
        if self._error is not None:
            raise self._error
        self.kept.append(contents)


def _take_at_once(store: HeldStore, requests: Sequence[bytes]) -> list[Contents | Exception | None]:
    """What becomes of each request, all of which wait while the first is being decoded."""
    combiner = Combiner(decode_together, store.keep)
    outcomes: list[Contents | Exception | None] = [RuntimeError("no outcome")] * len(requests)

    def take(place: int) -> None:
        try:
            outcomes[place] = combiner.take(requests[place])
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            outcomes[place] = error

    threads = [threading.Thread(target=take, args=(place,)) for place in range(len(requests))]
    with combiner._turn:  # As if a group were being decoded.
        for thread in threads:
            thread.start()
        while len(combiner._queue) < len(requests):
            time.sleep(0.001)
    store.released.set()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return outcomes


def test_requests_that_wait_are_stored_in_one_go() -> None:
    store = HeldStore()
    run_ids = [str(number) for number in range(8)]

    outcomes = _take_at_once(store, [_request(run_id).SerializeToString() for run_id in run_ids])

    assert outcomes == [None] * 8
    (contents,) = store.kept
    assert sorted(_run_ids(contents)) == sorted(run_ids * SPANS)


def test_equal_requests_at_once_are_each_answered() -> None:
    store = HeldStore()

    outcomes = _take_at_once(store, [_request("7").SerializeToString()] * 8)

    assert outcomes == [None] * 8
    assert sum(len(contents.spans) for contents in store.kept) == 8 * SPANS


def test_what_is_rejected_of_one_request_is_said_to_its_sender_alone() -> None:
    store = HeldStore()
    partly_bad, bad = _request("1"), _request("2")
    partly_bad.resource_spans[0].scope_spans[0].spans[5].span_id = b"short"
    for span in bad.resource_spans[0].scope_spans[0].spans:
        span.span_id = b"short"
    requests = [_request("0"), partly_bad, bad, _request("3")]

    outcomes = _take_at_once(store, [request.SerializeToString() for request in requests])

    rejected = [outcome.rejected if isinstance(outcome, Contents) else outcome for outcome in outcomes]
    assert rejected[:2] == [0, 1]
    assert isinstance(rejected[2], NothingKeptError)
    assert rejected[3] == 0
    kept = sorted(run_id for contents in store.kept for run_id in _run_ids(contents))
    assert kept == sorted(["0"] * SPANS + ["1"] * (SPANS - 1) + ["3"] * SPANS)


def test_a_store_that_cannot_write_is_told_to_every_sender() -> None:
    store = HeldStore(UnavailableError("the disk is full"))

    outcomes = _take_at_once(store, [_request(str(number)).SerializeToString() for number in range(8)])

    assert all(isinstance(outcome, UnavailableError) and "disk is full" in str(outcome) for outcome in outcomes)


def test_a_mistake_of_ours_leaves_nobody_waiting() -> None:
    store = HeldStore(ZeroDivisionError())

    outcomes = _take_at_once(store, [_request(str(number)).SerializeToString() for number in range(8)])

    assert all(isinstance(outcome, (UnavailableError, ZeroDivisionError)) for outcome in outcomes)


def test_a_request_is_answered_no_sooner_than_it_is_kept() -> None:
    store = HeldStore()
    combiner = Combiner(decode_together, store.keep)
    thread = threading.Thread(target=combiner.take, args=(_request("1").SerializeToString(),))
    thread.start()

    assert store.entered.wait(60)
    assert thread.is_alive()
    store.released.set()
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("count", [1, 3])
def test_a_group_has_a_bounded_size(count: int) -> None:
    store = HeldStore()
    large = _request("1")
    large.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="k").value.string_value = "x" * 3_000_000

    assert _take_at_once(store, [large.SerializeToString()] * count) == [None] * count
    assert len(store.kept) == count
