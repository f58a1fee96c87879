from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.store.clock_skew import aligned, clock_offset_ns
from makespan_model.records import Result, StepRun

SECOND = 1_000_000_000


def _steps(*times_s: tuple[int, int]) -> list[StepRun]:
    return [StepRun(str(n), str(n), Result.SUCCESS, a * SECOND, b * SECOND) for n, (a, b) in enumerate(times_s)]


@pytest.mark.parametrize(
    ("steps", "offset_s"),
    [
        (_steps((100, 110), (110, 190)), 0),
        (_steps((98, 110), (110, 202)), 0),
        (_steps((150, 160), (160, 260)), 60),
        (_steps((40, 50), (50, 120)), -60),
        (_steps((0, 400)), 50),
        ([], 0),
    ],
)
def test_the_offset_is_the_smallest_that_puts_the_steps_into_the_job(steps: list[StepRun], offset_s: int) -> None:
    assert clock_offset_ns(steps, 100 * SECOND, 200 * SECOND) == offset_s * SECOND


@given(st.integers(-(10**6), 10**6), st.lists(st.integers(0, 50), min_size=2, max_size=6).map(sorted))
def test_any_offset_is_found_up_to_the_room_in_the_job_and_durations_stay(offset_s: int, instants: list[int]) -> None:
    base = 2 * 10**6
    steps = _steps(*((base + a + offset_s, base + b + offset_s) for a, b in itertools.pairwise(instants)))

    moved = aligned(steps, base * SECOND, (base + 50) * SECOND)

    assert [step.duration_s for step in moved] == [step.duration_s for step in steps]
    assert moved[0].start_ns >= (base - 2) * SECOND
    assert moved[-1].end_ns <= (base + 52) * SECOND
