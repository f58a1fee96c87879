"""A distribution as bars of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2


@dataclass(frozen=True, slots=True)
class Bin:
    """Values from `low` up to `high`; the last bin holds all beyond it too."""

    low: float
    high: float
    count: int


def bins(values: Sequence[float], *, most: int = 12) -> tuple[Bin, ...]:
    """Equal bins from the lowest value to the one that one in a hundred is above; what is above is in the last.

    As many as Sturges' rule says (The choice of a class interval, 1926), at most `most`.
    """
    if not values:
        return ()
    ordered = sorted(values)
    low, high = ordered[0], ordered[min(len(ordered) - 1, ceil(0.99 * len(ordered)))]
    count = min(most, 1 + ceil(log2(len(ordered))))
    if high <= low:
        return (Bin(low, max(high, ordered[-1]), len(ordered)),)
    width = (high - low) / count
    counts = [0] * count
    for value in ordered:
        counts[min(count - 1, int((value - low) / width))] += 1
    return tuple(Bin(low + number * width, low + (number + 1) * width, held) for number, held in enumerate(counts))


def bar(count: int, highest: int, width: int, *, ascii_only: bool) -> str:
    """A bar as long as its share of the highest one; nothing but an empty bin has none."""
    if not count or not highest:
        return ""
    return ("#" if ascii_only else "█") * max(1, round(width * count / highest))
