from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_optimizer.simulation.estimates import distribution, share


@pytest.mark.parametrize("quantile", ["p05", "p50", "p95", "mean"])
def test_the_error_is_how_much_a_figure_varies_from_simulation_to_simulation(quantile: str) -> None:
    random = np.random.default_rng(2)
    told = [getattr(distribution(random.gamma(2.0, 10.0, 1000)), quantile) for _ in range(300)]
    varies = np.std([one.value for one in told])
    assert np.mean([one.error for one in told]) == pytest.approx(varies, rel=0.15)


def test_values_that_depend_on_each_other_have_a_larger_error() -> None:
    random = np.random.default_rng(2)
    streams = [np.repeat(random.normal(100, 10, 20), 50) + random.normal(0, 1, 1000) for _ in range(200)]
    varies = np.std([distribution(values).mean.value for values in streams])
    honest = [distribution(values, batches=20).mean.error or 0.0 for values in streams]
    assert np.mean(honest) == pytest.approx(varies, rel=0.15)
    assert np.mean([distribution(values).mean.error or 0.0 for values in streams]) < varies / 5


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_quantiles_are_in_order_and_within_what_was_simulated(values: list[float]) -> None:
    told = distribution(np.array(values))
    assert min(values) <= told.p05.value <= told.p50.value <= told.p95.value <= max(values)
    for one in (told.mean, told.p05, told.p50, told.p95):
        assert one.error is None if len(values) == 1 else one.error is not None and one.error >= 0


def test_a_share_has_the_error_of_a_binomial() -> None:
    told = share(np.array([1.0] * 30 + [0.0] * 70))
    assert told.value == pytest.approx(0.3)
    assert told.error == pytest.approx(sqrt(0.3 * 0.7 / 100), rel=0.01)


def test_nothing_tells_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        distribution(np.array([]))
