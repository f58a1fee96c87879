from __future__ import annotations

import pytest

from makespan_collector.receiving.admission import Admission, BusyError
from makespan_collector.receiving.limits import Limits
from makespan_model.errors import UsageError


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_request_larger_than_all_the_room_is_let_in_alone() -> None:
    admission = Admission(10, 0)

    with admission.room_for(50):
        assert admission.in_flight_bytes == 50
        with pytest.raises(BusyError), admission.room_for(1):
            pytest.fail("there was no room")
    assert admission.in_flight_bytes == 0


def test_a_burst_is_let_through_and_then_the_rate_holds() -> None:
    clock = Clock()
    admission = Admission(1, 2.0, clock)
    for _ in range(20):
        admission.count("a")

    with pytest.raises(BusyError) as refused:
        admission.count("a")
    assert refused.value.retry_after_s == pytest.approx(0.5)

    clock.now_s = 0.5
    admission.count("a")
    with pytest.raises(BusyError):
        admission.count("a")


def test_clients_do_not_use_up_each_others_share() -> None:
    admission = Admission(1, 0.1, Clock())
    admission.count("a")

    with pytest.raises(BusyError):
        admission.count("a")
    admission.count("b")


def test_millions_of_clients_are_not_all_remembered() -> None:
    admission = Admission(1, 0.1, Clock())
    for number in range(10_050):
        admission.count(str(number))

    admission.count("0")  # Forgotten, so new again.
    with pytest.raises(BusyError):
        admission.count("10049")


@pytest.mark.parametrize("wrong", [{"max_body_bytes": 0}, {"max_decompression_ratio": 0}, {"requests_per_s": -1}])
def test_limits_that_let_nothing_in_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Limits(**wrong)
