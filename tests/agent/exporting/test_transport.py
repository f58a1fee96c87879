"""Trying again while the time lasts."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from makespan_agent.exporting.transport import Answer, ExportRequest, Verdict, post_until_taken


class _Scripted:
    """Answers as told, the last answer for ever; a request takes one second of its clock."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.now_s = 0.0
        self.slept_s: list[float] = []
        self.timeouts_s: list[float] = []

    def post(self, request: ExportRequest, timeout_s: float) -> Answer:
        self.now_s += 1
        self.timeouts_s.append(timeout_s)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    def close(self) -> None:
        raise AssertionError("nobody asked for it")

    def run(self, timeout_s: float) -> Answer:
        return post_until_taken(self, ExportTraceServiceRequest(), timeout_s, lambda: self.now_s, self.sleep)


_PASSING, _TAKEN = Answer(Verdict.PASSING, "later"), Answer(Verdict.TAKEN)


def test_what_passes_is_tried_again_with_doubling_delays_until_it_is_taken() -> None:
    receiver = _Scripted(_PASSING, _PASSING, _TAKEN)

    assert receiver.run(60) == _TAKEN
    first_s, second_s = receiver.slept_s
    assert 0.8 <= first_s <= 1.2
    assert 1.6 <= second_s <= 2.4
    assert receiver.timeouts_s == pytest.approx([60, 60 - 1 - first_s, 60 - 2 - first_s - second_s])


def test_no_delay_goes_beyond_the_time() -> None:
    receiver = _Scripted(_PASSING)

    assert receiver.run(10) == _PASSING
    assert sum(receiver.slept_s) < 10
    assert min(receiver.timeouts_s) > 0.001  # Every try had some of the time left.


def test_a_receiver_that_says_when_is_tried_again_then() -> None:
    receiver = _Scripted(Answer(Verdict.PASSING, "later", retry_after_s=7.0), _TAKEN)

    assert receiver.run(60) == _TAKEN
    assert receiver.slept_s == [7.0]


def test_what_does_not_pass_is_not_tried_again() -> None:
    for verdict in (Verdict.BAD_DATA, Verdict.REFUSED, Verdict.BROKEN):
        receiver = _Scripted(Answer(verdict, "no"), _TAKEN)
        assert receiver.run(60).verdict is verdict
        assert receiver.slept_s == []
