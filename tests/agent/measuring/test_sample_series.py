from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_agent.measuring.host_reading import HostReading
from makespan_agent.measuring.sample_series import MAX_SAMPLES, SampleSeries

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

    assert [sample[:6] for sample in series.samples] == [
        (2 * _S, 0.5, 10, 1, 50.0, 0.0),
        (3 * _S, 2.0, 20, 1, 0.0, 50.0),
    ]


def test_a_counter_that_fell_is_no_negative_rate() -> None:
    series = SampleSeries(0)
    _add(series, 1, cpu_s=5.0, read=10, write=10)
    _add(series, 2, cpu_s=4.0, read=0, write=0)

    assert series.samples[1][1:6] == (0.0, 0, 1, 0.0, 0.0)


def test_a_rate_that_could_not_be_read_is_unknown_not_zero() -> None:
    series = SampleSeries(0)
    _add(series, 1, read=None, write=None)

    assert series.samples[0][4:6] == (None, None)


@given(st.integers(min_value=1, max_value=3000), st.integers(min_value=0, max_value=2999))
def test_the_series_stays_bounded_and_keeps_its_peak_its_cpu_and_its_last_time(readings: int, peak_at: int) -> None:
    peak_at = min(peak_at, readings - 1)
    series = SampleSeries(0)
    for number in range(readings):
        _add(series, number + 1, cpu_s=(number + 1) * 0.5, memory=1000 if number == peak_at else 1, read=0, write=0)

    times = [0, *(sample[0] or 0 for sample in series.samples)]
    cpu_s = sum((sample[1] or 0) * (times[i + 1] - times[i]) / _S for i, sample in enumerate(series.samples))
    assert len(series.samples) < MAX_SAMPLES
    assert times[-1] == readings * _S
    assert cpu_s == pytest.approx(readings * 0.5)
    assert max(sample[2] or 0 for sample in series.samples) == 1000 == series.memory_peak_bytes


def _host(busy_s: float, available: int | None = None, load: float = 0.0, read: int | None = None) -> HostReading:
    host = HostReading()
    host.busy_s, host.memory_available_bytes, host.load = busy_s, available, load
    host.disk_read_bytes = host.disk_write_bytes = read
    return host


def _add_host(series: SampleSeries, time_s: float, host: HostReading | None) -> None:
    series.add(round(time_s * _S), cpu_s=0, memory_bytes=1, processes=1, read_bytes=None, write_bytes=None, host=host)


def test_a_machines_counters_become_rates_from_the_second_reading_on() -> None:
    series = SampleSeries(0)
    _add_host(series, 1, _host(busy_s=5000.0, available=70, load=0.5, read=1000))
    _add_host(series, 3, _host(busy_s=5003.0, available=60, load=0.7, read=1200))

    assert [sample[6:] for sample in series.samples] == [
        (None, 70, 0.5, None, None, None),
        (1.5, 60, 0.7, None, 100.0, 100.0),
    ]


def test_what_could_not_be_read_of_the_machine_is_unknown() -> None:
    series = SampleSeries(0)
    _add_host(series, 1, None)

    assert series.samples[0][6:] == (None,) * 6


def test_a_thinned_series_keeps_the_lowest_available_memory_and_the_highest_load() -> None:
    series = SampleSeries(0)
    for number in range(MAX_SAMPLES):
        _add_host(series, number + 1, _host(number, available=5 if number == 100 else 90, load=9 if number == 7 else 1))

    assert len(series.samples) == MAX_SAMPLES // 2
    assert [sample[7] for sample in series.samples].count(5) == 1
    assert [sample[8] for sample in series.samples].count(9) == 1
    assert {sample[6] for sample in series.samples[1:]} == {1.0}


def test_readings_start_dense_and_thin_to_one_a_second() -> None:
    series = SampleSeries(0)

    intervals = [series.next_interval_s(0.0) for _ in range(60)]

    assert intervals[0] == pytest.approx(0.05)
    assert intervals == sorted(intervals)
    assert intervals[-1] == 1.0


def test_an_expensive_reading_is_followed_by_a_longer_rest() -> None:
    assert SampleSeries(0).next_interval_s(0.012) == pytest.approx(3.0)


def test_one_expensive_reading_between_cheap_ones_changes_nothing() -> None:
    series, undisturbed = SampleSeries(0), SampleSeries(0)

    assert [series.next_interval_s(cost_s) for cost_s in (0.0001, 0.012, 0.0001)] == [
        undisturbed.next_interval_s(0.0001) for _ in range(3)
    ]


def test_a_step_of_a_week_is_read_fewer_than_five_thousand_times() -> None:
    series, clock_s, readings = SampleSeries(0), 0.0, 0
    while clock_s < 7 * 86_400:
        clock_s += series.next_interval_s(0.001)
        readings += 1
        _add(series, clock_s)

    assert readings < 5000
