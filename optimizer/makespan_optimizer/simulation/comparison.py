"""Two pipelines simulated with the same chance: what one saves over the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from makespan_model.errors import UsageError
from makespan_optimizer.simulation.arrivals import STREAMS
from makespan_optimizer.simulation.estimates import Distribution, Estimate, distribution, share
from makespan_optimizer.simulation.outcome import Outcome

_EQUAL_S = 1e-6


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run by run, as both draw from the same recorded runs: what varies in both alike is no part of the errors.

    Attributes:
        saved_s: The makespan of the one less that of the other.
        sooner: How often the other ends before it; `later` how often after it.
        saved_usd: Mean cost of a run, less that of the other; None where one has jobs without a price.
    """

    saved_s: Distribution
    sooner: Estimate
    later: Estimate
    saved_usd: Estimate | None


def compare(one: Outcome, other: Outcome, *, streams: bool) -> Comparison:
    """What `other` saves over `one`; `streams` where their runs share runners.

    Raises:
        UsageError: Runs of one of them were cancelled by others: they have no counterpart.
    """
    if one.discarded or other.discarded:
        raise UsageError("pipelines whose runs cancel each other have no runs in common that could be compared")
    batches = STREAMS if streams else 0
    saved_s = np.array(one.makespans_s) - np.array(other.makespans_s)
    return Comparison(
        saved_s=distribution(saved_s, batches),
        sooner=share((saved_s > _EQUAL_S).astype(np.float64), batches),
        later=share((saved_s < -_EQUAL_S).astype(np.float64), batches),
        saved_usd=_saved_usd(one, other, batches),
    )


def _saved_usd(one: Outcome, other: Outcome, batches: int) -> Estimate | None:
    if any(job.usd is None and job.ran.value > 0 for job in (*one.jobs, *other.jobs)):
        return None
    if not one.costs_usd or not other.costs_usd:
        return None
    return distribution(np.array(one.costs_usd) - np.array(other.costs_usd), batches).mean
