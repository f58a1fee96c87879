"""One series as it is given: with gaps, and with several runs of a commit."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from makespan_analytics.change_points.robustness import Floats

Values = Sequence[float | None] | Floats
Indices = npt.NDArray[np.int64]
_LARGEST = 1e100
"""What is larger is no measurement, and its square would be no number."""


def series_of(values: Values) -> Floats:
    """Values as an array in which NaN stands for every gap."""
    if isinstance(values, np.ndarray):
        return values.astype(np.float64, copy=False)
    return np.array(values, dtype=np.float64)


def known_places(series: Floats) -> Indices:
    """Index of every value that is a measurement: not NaN, not infinite, not over 1e100."""
    found: Indices = np.flatnonzero(np.abs(series) < _LARGEST)
    return found


def group_starts(groups: Sequence[Hashable]) -> npt.NDArray[np.bool_]:
    """Whether each value is the first of its group."""
    return np.array([number == 0 or groups[number - 1] != group for number, group in enumerate(groups)], dtype=np.bool_)


def of_same_length(series: Floats, *others: tuple[str, Sequence[object] | None]) -> None:
    """Check what is given beside a series.

    Raises:
        ValueError: It is of another length.
    """
    for name, given in others:
        if given is not None and len(given) != len(series):
            raise ValueError(f"{len(given)} {name} for {len(series)} values")
