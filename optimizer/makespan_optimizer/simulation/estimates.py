"""Figures told from simulated runs, each with the error that simulating so few of them leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from makespan_optimizer.simulation.draws import Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its standard error over simulations; that the recorded runs are few is not part of it.

    The error is None where a single simulated run tells none.
    """

    value: float
    error: float | None


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is told of a distribution; `p05` is the value that one in twenty is below."""

    mean: Estimate
    p05: Estimate
    p50: Estimate
    p95: Estimate


def distribution(values: Floats, batches: int = 0) -> Distribution:
    """Mean and quantiles of simulated values.

    Args:
        values: One or more; in order of the streams they come from.
        batches: Equal parts of the values that are independent of each other, while values within one are not; 0 for
            values that are all independent.

    Raises:
        ValueError: No value.
    """
    if not len(values):
        raise ValueError("no values to tell a distribution from")

    def told(figure: Callable[[Floats], float], alone: Callable[[], float]) -> Estimate:
        if len(values) == 1:
            return Estimate(figure(values), None)
        if batches > 1:
            parts = [figure(part) for part in np.array_split(values, batches) if len(part)]
            return Estimate(figure(values), float(np.std(parts, ddof=1)) / sqrt(len(parts)))
        return Estimate(figure(values), alone())

    ordered = np.sort(values)

    def quantile(share: float) -> Estimate:
        return told(lambda part: float(np.quantile(part, share)), lambda: _quantile_error(ordered, share))

    mean = told(lambda part: float(part.mean()), lambda: _mean_error(values))
    return Distribution(mean, quantile(0.05), quantile(0.5), quantile(0.95))


def share(flags: Floats, batches: int = 0) -> Estimate:
    """How often something holds: the mean of ones and zeros, with its error."""
    return distribution(flags, batches).mean


def _mean_error(values: Floats) -> float:
    return float(values.std(ddof=1)) / sqrt(len(values))


def _quantile_error(ordered: Floats, share_below: float) -> float:
    """Half of what lies between the order statistics one standard error of the rank to either side.

    Whatever the distribution: the rank is binomial (David and Nagaraja, Order Statistics, 3rd edition, section 7.1).
    """
    deviation = sqrt(share_below * (1 - share_below) / len(ordered))
    low, high = np.quantile(ordered, [max(0.0, share_below - deviation), min(1.0, share_below + deviation)])
    return float(high - low) / 2
