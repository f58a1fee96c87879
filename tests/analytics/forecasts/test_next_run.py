from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.forecasts.next_run import fewest_runs, next_duration, next_run, next_run_in
from makespan_collector.store.series import run_series_of
from makespan_model.records import Result, RunState
from support.pipeline_runs import job, run


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_the_next_of_runs_that_are_alike_lies_within_as_often_as_asked_for(coverage: float) -> None:
    randomness = np.random.default_rng(1)
    held = 0
    for _ in range(600):
        values = randomness.lognormal(4, 0.4, 61)
        found = next_duration(values[:-1].tolist(), coverage=coverage)
        assert found is not None
        held += found.low_s <= values[-1] <= found.high_s
    # Ranks are whole: an interval may hold up to 2 in 61 more often than it must. Three standard deviations around.
    reach = 3 * (coverage * (1 - coverage) / 600) ** 0.5
    assert coverage - reach <= held / 600 <= coverage + 2 / 61 + reach


def test_only_the_level_since_the_last_change_is_told_from() -> None:
    randomness = np.random.default_rng(2)
    values = [*(30 + randomness.uniform(-1, 1, 60)), *(50 + randomness.uniform(-1, 1, 30))]
    found = next_duration(values)
    assert found is not None
    assert (found.runs, found.level_runs) == (30, 30)
    assert 49 <= found.low_s <= found.expected_s <= found.high_s <= 51


def test_a_level_of_few_runs_leans_on_those_before_it_for_its_interval_alone() -> None:
    randomness = np.random.default_rng(3)
    values = [*(30 + randomness.uniform(-1, 1, 60)), *(50 + randomness.uniform(-1, 1, 7))]
    found = next_duration(values, coverage=0.9)
    assert found is not None
    assert (found.level_runs, found.runs) == (7, 19)
    assert found.low_s < 32
    assert 49 <= found.expected_s <= 51


@given(st.lists(st.floats(0.1, 1e5), max_size=60), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_an_interval_is_given_from_the_fewest_runs_on_and_holds_its_median(
    values: list[float], coverage: float
) -> None:
    found = next_duration(values, coverage=coverage)
    assert (found is None) == (len(values) < fewest_runs(coverage))
    if found is not None:
        assert min(values) <= found.low_s <= found.high_s <= max(values)
        assert found.low_s <= found.expected_s <= found.high_s or found.level_runs < found.runs


def test_the_fewest_runs_are_those_whose_extremes_enclose_the_next_often_enough() -> None:
    assert [fewest_runs(coverage) for coverage in (0.5, 0.8, 0.9, 0.95)] == [3, 9, 19, 39]


def test_failed_and_running_runs_do_not_count_in_records_and_tables_alike() -> None:
    runs = [run(job("a", 0, 10 + number), run_id=f"{number:02}") for number in range(12)]
    others = [
        replace(run(job("a", 0, 999), run_id="98"), result=Result.FAILURE),
        replace(run(job("a", 0, 999), run_id="99"), state=RunState.EXECUTING),
    ]
    found = next_run([*runs, *others])
    assert found is not None
    assert (found.runs, found.expected_s, found.low_s, found.high_s) == (12, 15.5, 10, 21)
    assert next_run_in(run_series_of([*runs, *others])) == found


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0])
def test_no_interval_holds_never_or_always(coverage: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        next_duration([1.0] * 50, coverage=coverage)


def test_what_is_no_number_is_no_duration() -> None:
    with pytest.raises(ValueError, match="finite"):
        next_duration([1.0] * 50 + [float("nan")])
