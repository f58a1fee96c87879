from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_agent.sample_series import MAX_SAMPLES, SampleSeries

_S = 1_000_000_000


def _add(
    series: SampleSeries,
    time_s: float,
    cpu_s: float = 0.0,
    memory: int = 0,
    read: int | None = None,
    write: int | None = None,
    processes: int = 1,
) -> None:
    series.add(
        round(time_s * _S),
        cpu_s=cpu_s,
        memory_bytes=memory,
        processes=processes,
        read_bytes=read,
        write_bytes=write,
    )


def test_counters_become_rates_over_the_time_between() -> None:
    series = SampleSeries(0)
    _add(series, 2, cpu_s=1.0, memory=10, read=100, write=0)
    _add(series, 3, cpu_s=3.0, memory=20, read=100, write=50)

    assert series.samples == [(2 * _S, 0.5, 10, 1, 50.0, 0.0), (3 * _S, 2.0, 20, 1, 0.0, 50.0)]


def test_a_counter_that_fell_is_no_negative_rate() -> None:
    series = SampleSeries(0)
    _add(series, 1, cpu_s=5.0, read=10, write=10)
    _add(series, 2, cpu_s=4.0, read=0, write=0)

    assert series.samples[1][1:] == (0.0, 0, 1, 0.0, 0.0)


def test_a_rate_that_could_not_be_read_is_unknown_not_zero() -> None:
    series = SampleSeries(0)
    _add(series, 1, read=None, write=None)

    assert series.samples[0][4:] == (None, None)


@given(st.integers(min_value=1, max_value=3000), st.integers(min_value=0, max_value=2999))
def test_the_series_stays_bounded_and_keeps_its_peak_its_cpu_and_its_last_time(readings: int, peak_at: int) -> None:
    peak_at = min(peak_at, readings - 1)
    series = SampleSeries(0)
    for number in range(readings):
        _add(series, number + 1, cpu_s=(number + 1) * 0.5, memory=1000 if number == peak_at else 1, read=0, write=0)

    times = [0, *(sample[0] for sample in series.samples)]
    cpu_s = sum(sample[1] * (times[i + 1] - times[i]) / _S for i, sample in enumerate(series.samples))
    assert len(series.samples) < MAX_SAMPLES
    assert times[-1] == readings * _S
    assert cpu_s == pytest.approx(readings * 0.5)
    assert max(sample[2] for sample in series.samples) == 1000 == series.memory_peak_bytes


def test_readings_start_dense_and_thin_to_one_a_second() -> None:
    series = SampleSeries(0)

    intervals = [series.next_interval_s(0.0) for _ in range(60)]

    assert intervals[0] == pytest.approx(0.05)
    assert intervals == sorted(intervals)
    assert intervals[-1] == 1.0


def test_an_expensive_reading_is_followed_by_a_longer_rest() -> None:
    assert SampleSeries(0).next_interval_s(0.012) == pytest.approx(3.0)


def test_a_step_of_a_week_is_read_fewer_than_five_thousand_times() -> None:
    series, clock_s, readings = SampleSeries(0), 0.0, 0
    while clock_s < 7 * 86_400:
        clock_s += series.next_interval_s(0.001)
        readings += 1
        _add(series, clock_s)

    assert readings < 5000
