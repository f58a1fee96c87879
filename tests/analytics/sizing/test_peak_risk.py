from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.sizing.level_changes import Floats
from makespan_analytics.sizing.peak_risk import peak_risk

GIB = 1024.0**3


def risk_of(peaks: Floats, size: float) -> float:
    return peak_risk(peaks, np.ones(len(peaks))).at(size)


LAWS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda random, n: GIB * (1 + 0.05 * random.standard_normal(n)),
    "uniform": lambda random, n: GIB * random.uniform(0.5, 1.0, n),
    "lognormal": lambda random, n: GIB * random.lognormal(0, 0.4, n),
    "two modes": lambda random, n: GIB * np.where(random.random(n) < 0.3, 1.7, 0.2) * random.uniform(0.98, 1.0, n),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("runs", [5, 12, 40])
def test_the_largest_peak_is_exceeded_as_often_as_is_said(law: str, runs: int) -> None:
    """With the part for level changes on top, which steady laws do not have."""
    random = np.random.default_rng(11)
    said, happened = [], 0
    for _ in range(800):
        values = LAWS[law](random, runs + 1)
        known = peak_risk(values[:-1], np.ones(runs))
        if known.level_runs != runs:
            continue
        largest = float(known.peaks[-1])
        said.append(known.at(largest) - known.shift_probability)
        happened += bool(values[-1] > largest)
    frequency = happened / len(said)
    error = (frequency * (1 - frequency) / len(said)) ** 0.5
    assert abs(frequency - 1 / (runs + 1)) < 4 * error + 0.003
    assert np.mean(said) == pytest.approx(1 / (runs + 1), abs=0.03)


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_beyond_the_largest_peak_the_risk_is_not_understated(law: str) -> None:
    random = np.random.default_rng(5)
    said, happened, n = 0.0, 0, 3000
    for _ in range(n):
        values = LAWS[law](random, 21)
        known = peak_risk(values[:-1], np.ones(20))
        size = float(known.peaks[-1]) * 1.02
        said += known.at(size)
        happened += bool(values[-1] > size)
    assert happened / n <= said / n + 3 * (said / n / n) ** 0.5


@given(st.lists(st.floats(1e6, 1e11), min_size=1, max_size=60), st.data())
def test_a_larger_size_never_has_a_larger_risk_and_lies_in_its_interval(
    peaks: list[float], data: st.DataObject
) -> None:
    known = peak_risk(np.array(peaks), np.ones(len(peaks)))
    sizes = np.sort(np.array(data.draw(st.lists(st.floats(1e6, 1e12), min_size=2, max_size=20))))
    risks = known.exceeding(sizes)
    assert (np.diff(risks) <= 1e-12).all()
    assert ((risks >= 0) & (risks <= 1)).all()
    low, high = known.interval(float(sizes[0]))
    assert 0 <= low <= high <= 1


@pytest.mark.parametrize("room", [0.9, 1.0, 1.05, 1.2])
@pytest.mark.parametrize("runs", [5, 20, 200])
def test_the_risk_lies_in_an_interval_that_few_runs_leave_wide(room: float, runs: int) -> None:
    random = np.random.default_rng(8)
    known = peak_risk(GIB * (1 + 0.02 * random.standard_normal(runs)), np.ones(runs))
    size = room * float(known.peaks[-1])
    low, high = known.interval(size)
    assert low <= known.at(size) <= high
    assert high > 2 * low or room < 1


def test_more_runs_say_it_more_exactly() -> None:
    random = np.random.default_rng(3)
    few, many = (GIB * (1 + 0.02 * random.standard_normal(n)) for n in (8, 200))

    def width(peaks: Floats) -> float:
        known = peak_risk(peaks, np.ones(len(peaks)))
        low, high = known.interval(float(known.peaks[-1]))
        return high - low

    assert width(few) > 5 * width(many)


def test_runs_before_a_change_of_level_do_not_count() -> None:
    random = np.random.default_rng(3)
    peaks = np.concatenate([random.normal(4 * GIB, GIB / 50, 40), random.normal(GIB, GIB / 50, 15)])
    known = peak_risk(peaks, np.ones(55))
    assert known.level_runs == 15
    assert known.at(1.5 * GIB) < 0.01


def test_a_young_level_borrows_the_spread_of_the_one_before() -> None:
    random = np.random.default_rng(3)
    peaks = np.concatenate([random.normal(4 * GIB, GIB / 5, 40), np.array([GIB, GIB, GIB, GIB])])
    assert peak_risk(peaks, np.ones(44)).tail_scale > 0.01 * GIB


def test_growing_peaks_are_moved_to_the_end_of_the_horizon() -> None:
    known = peak_risk(GIB + 1e7 * np.arange(30.0, dtype=np.float64), np.ones(30))
    assert known.growth_per_run == pytest.approx(1e7)
    assert known.peaks[-1] == pytest.approx(GIB + 1e7 * 39)


@pytest.mark.parametrize("peaks", [[], [0.0], [1.0, -1.0], [float("nan")]])
def test_what_is_no_peak_is_refused(peaks: list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        peak_risk(np.array(peaks), np.ones(len(peaks)))
