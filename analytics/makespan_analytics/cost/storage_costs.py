"""What stored artifacts and caches cost a month beyond what is included."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from makespan_analytics.cost.price_tables import StoragePrices
from makespan_model.errors import UsageError
from makespan_model.matching import did_you_mean

_GB = 1_000_000_000
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class StorageCost:
    """USD a month for artifacts and for caches, at the sizes given, beyond what is included."""

    artifacts_usd: float
    caches_usd: float


def storage_cost(
    prices: StoragePrices, *, plan: str, artifacts_bytes: float, caches_bytes: Iterable[float]
) -> StorageCost:
    """The monthly cost of storage that is held all month.

    Args:
        prices: Of the provider.
        plan: Whose allowance for artifacts applies.
        artifacts_bytes: All artifacts of the account together: the allowance is the account's.
        caches_bytes: Of each repository: the allowance for caches is the repository's.

    Raises:
        UsageError: No such plan, or a negative size.
    """
    if plan not in prices.artifacts_included_gb:
        known = sorted(prices.artifacts_included_gb)
        raise UsageError(f"no plan {plan!r}{did_you_mean(plan, known)}; there are: {', '.join(known)}")
    caches = list(caches_bytes)
    if artifacts_bytes < 0 or any(size < 0 for size in caches):
        raise UsageError("a stored size cannot be negative")
    artifacts_gb = max(0.0, artifacts_bytes / _GB - prices.artifacts_included_gb[plan])
    caches_gib = sum(max(0.0, size / _GIB - prices.cache_included_gib) for size in caches)
    return StorageCost(artifacts_gb * prices.artifacts_usd_per_gb_month, caches_gib * prices.cache_usd_per_gib_month)
