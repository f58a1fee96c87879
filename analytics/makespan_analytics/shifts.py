"""How much two groups of values differ, whatever their law."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST = 4
"""Values in each group under which no interval is given: of four and four, one ranking in seventy is extreme."""
_MOST = 200
"""The newest of each group are looked at: pairs grow with the product."""
_INTERVAL_Z = 1.6448536269514722
"""90 % of a normal law lie within so many deviations."""


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much the values of one group are above those of another.

    Attributes:
        value: In the values' unit: the median of all differences between a value of one and a value of the other.
        low: Lower end of a 90 % interval, `high` its upper end.
        chance: Of groups so different where both follow one law.
        counts: Values in the first and the second group.
    """

    value: float
    low: float
    high: float
    chance: float
    counts: tuple[int, int]


def shift(first: Floats, second: Floats) -> Shift | None:
    """How far `first` lies above `second`; None where either has fewer than `FEWEST` values.

    Hodges and Lehmann's estimate (Annals of Mathematical Statistics 34, 1963) with the interval of the test by Mann and
    Whitney (the same 18, 1947), by its normal law with ties (Lehmann, Nonparametrics, 1975, sections 1.4 and 2.6).
    """
    if len(first) < FEWEST or len(second) < FEWEST:
        return None
    counts = len(first), len(second)
    first, second = first[-_MOST:], second[-_MOST:]
    m, n = len(first), len(second)
    differences = np.sort((first[:, np.newaxis] - second).ravel())
    ties = np.unique(np.concatenate((first, second)), return_counts=True)[1].astype(np.float64)
    total = m + n
    deviation = sqrt(max(0.0, m * n / 12.0 * (total + 1 - float((ties**3 - ties).sum()) / (total * (total - 1)))))
    above = float((differences > 0).sum()) + float((differences == 0).sum()) / 2.0
    # Continuity correction: the count of pairs moves in steps of one.
    z = max(abs(above - m * n / 2.0) - 0.5, 0.0) / deviation if deviation else 0.0
    reach = round(m * n / 2.0 - _INTERVAL_Z * deviation - 0.5)
    low, high = max(0, reach), min(m * n - 1, m * n - 1 - reach)
    return Shift(
        value=float(np.median(differences)),
        low=float(differences[min(low, high)]),
        high=float(differences[max(low, high)]),
        chance=erfc(z / sqrt(2.0)),
        counts=counts,
    )
