"""A length in columns divided in proportion."""

from __future__ import annotations

from collections.abc import Sequence


def apportion(amounts: Sequence[float], columns: int) -> list[int]:
    """Whole columns for each positive amount: `columns` in all, in proportion, and at least one each.

    The largest-remainder method of Hamilton (Balinski and Young, Fair Representation, 1982, chapter 3);
    what the smallest lack to one column is taken from the widest.

    Raises:
        ValueError: An amount is not positive, or there are more amounts than columns.
    """
    if not amounts:
        return []
    if min(amounts) <= 0 or len(amounts) > columns:
        raise ValueError(f"cannot divide {columns} columns into {len(amounts)} positive parts")
    total = sum(amounts)
    exact = [amount / total * columns for amount in amounts]
    whole = [int(value) for value in exact]
    by_remainder = sorted(range(len(amounts)), key=lambda index: whole[index] - exact[index])
    for index in by_remainder[: columns - sum(whole)]:
        whole[index] += 1
    for index, width in enumerate(whole):
        if width == 0:
            whole[whole.index(max(whole))] -= 1
            whole[index] = 1
    return whole
