"""A series in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """A series as bars from its lowest to its highest value; longer ones as medians of equal stretches."""
    if not values:
        return ""
    count = min(width, len(values))
    shown = [median(values[len(values) * n // count : max(len(values) * (n + 1) // count, 1)]) for n in range(count)]
    low, high = min(shown), max(shown)
    if high == low:
        return _BARS[3] * count
    return "".join(_BARS[round((value - low) / (high - low) * (len(_BARS) - 1))] for value in shown)
