from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.store.influx.quantile_sketches import RELATIVE_ERROR, quantiles_by_group, sketched

QUANTILES = (0.0, 0.25, 0.5, 0.95, 1.0)
measures = st.one_of(st.just(0.0), st.floats(1e-6, 1e15), st.integers(0, 2**50).map(float))


@given(st.lists(st.tuples(st.integers(0, 2), st.lists(measures, max_size=30)), max_size=6))
def test_quantiles_of_sketches_put_together_are_those_of_all_their_values(parts: list[tuple[int, list[float]]]) -> None:
    sketches = [sketched(np.array(values, np.float64)) for _, values in parts]
    groups = np.array([group for group, _ in parts], np.int64)

    found = quantiles_by_group(sketches, groups, 3, QUANTILES)

    for group in range(3):
        values = [value for number, told in parts if number == group for value in told]
        if not values:
            assert found[group] is None
        else:
            expected = np.quantile(values, QUANTILES)
            # A hair more than the bound: logarithms of values on a bucket's edge are rounded.
            assert found[group] == pytest.approx(expected.tolist(), rel=RELATIVE_ERROR + 1e-9, abs=1e-12)


def test_more_equal_values_than_one_bucket_counts_are_all_counted() -> None:
    many = sketched(np.concatenate([np.full(200_000, 5.0), np.full(100_000, 9.0)]))

    (found,) = quantiles_by_group([many], np.zeros(1, np.int64), 1, (0.66, 0.67))

    assert found == pytest.approx([5.0, 9.0], rel=RELATIVE_ERROR + 1e-9)


def test_many_groups_are_answered_a_slice_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sketches = [sketched(np.array([float(number), number + 1.0])) for number in range(1, 51)]
    groups = np.arange(50)
    whole = quantiles_by_group(sketches, groups, 50, QUANTILES)

    monkeypatch.setattr("makespan_collector.store.influx.quantile_sketches._CELLS", 100)

    assert quantiles_by_group(sketches, groups, 50, QUANTILES) == whole


@pytest.mark.parametrize("damaged", ["AAA", "!!!!", base64.b64encode(b"12345").decode(), "ü"])
def test_a_damaged_sketch_is_refused(damaged: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        quantiles_by_group([damaged], np.zeros(1, np.int64), 1, QUANTILES)
