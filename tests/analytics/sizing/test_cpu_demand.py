from __future__ import annotations

import numpy as np
import pytest

from makespan_analytics.sizing.cpu_demand import Demand, cpu_size, slowdown_ratios


def demand(*cores: float, sampled: bool = True) -> Demand:
    return Demand(np.array(cores), np.ones(len(cores)), sampled)


def test_the_cores_suffice_for_19_of_20_seconds() -> None:
    size = cpu_size([demand(*[1.0] * 94, *[4.0] * 6)])
    assert size is not None
    assert size.cores == 4.0
    below = cpu_size([demand(*[1.0] * 96, *[4.0] * 4)])
    assert below is not None
    assert below.cores == 1.0
    assert below.slowdown_ratio == pytest.approx(0.12)


def test_the_last_runs_count_most() -> None:
    long = [demand(*[8.0] * 300)] * 5 + [demand(*[1.0] * 300)] * 5
    size = cpu_size(long)
    assert size is not None
    assert size.cores == 1.0


def test_short_runs_are_pooled_over_many_runs() -> None:
    runs = [demand(6.0, 1.0)] * 5 + [demand(1.0, 1.0)] * 15
    size = cpu_size(runs)
    assert size is not None
    assert size.cores == 6.0  # 10 readings of 40: forty runs of two readings are no long past.


def test_samples_are_not_watered_down_by_means_of_whole_steps() -> None:
    runs = [demand(1.0, sampled=False)] * 50 + [demand(4.0, 4.0, 0.1)] * 3
    size = cpu_size(runs)
    assert size is not None
    assert (size.cores, size.sampled_runs, size.runs) == (4.0, 3, 3)


def test_means_serve_where_there_are_no_samples_and_that_is_said() -> None:
    size = cpu_size([demand(1.5, sampled=False)] * 5)
    assert size is not None
    assert (size.cores, size.sampled_runs) == (1.5, 0)


def test_a_demand_that_meets_its_limit_is_told() -> None:
    at_limit = cpu_size([demand(*[2.0] * 50)], offered_cores=2)
    below = cpu_size([demand(*[2.0] * 50)], offered_cores=4)
    assert at_limit is not None
    assert below is not None
    assert (at_limit.saturated, below.saturated) == (True, False)


def test_half_the_cores_take_twice_as_long() -> None:
    assert slowdown_ratios([demand(*[4.0] * 10)], [2, 8]) == [pytest.approx(1.0), 0]


def test_nothing_known_has_no_size() -> None:
    assert cpu_size([]) is None
    assert cpu_size([Demand(np.array([1.0]), np.array([0.0]))]) is None
    with pytest.raises(ValueError, match="slowdown"):
        slowdown_ratios([demand(1.0)], [0])
