from __future__ import annotations

import pytest

from makespan_analytics.cost.price_tables import StoragePrices, price_table
from makespan_analytics.cost.storage_costs import storage_cost
from makespan_model.errors import UsageError


def prices() -> StoragePrices:
    table = price_table("github")
    assert table is not None
    assert table.storage is not None
    return table.storage


def test_storage_is_paid_for_beyond_what_is_included() -> None:
    found = storage_cost(
        prices(), plan="team", artifacts_bytes=12 * 10**9, caches_bytes=[15 * 1024**3, 3 * 1024**3, 11 * 1024**3]
    )
    assert found.artifacts_usd == pytest.approx(10 * 0.25)
    assert found.caches_usd == pytest.approx((5 + 1) * 0.07)


def test_an_unknown_plan_and_a_negative_size_are_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'team'"):
        storage_cost(prices(), plan="teams", artifacts_bytes=0, caches_bytes=[])
    with pytest.raises(UsageError, match="negative"):
        storage_cost(prices(), plan="team", artifacts_bytes=-1, caches_bytes=[])
