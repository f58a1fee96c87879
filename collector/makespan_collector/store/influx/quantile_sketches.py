"""Sketches of many values that can be put together and still answer quantiles.

A sketch counts values by their logarithm: DDSketch (Masson, Rim & Lee, DDSketch: A Fast and Fully-Mergeable Quantile
Sketch with Relative-Error Guarantees, VLDB 2019, section 2). A value falls into the bucket `ceil(log(x) / log(GAMMA))`,
and any value of a bucket is within `RELATIVE_ERROR` of the middle that stands for it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]

GAMMA: Final = 1.01
RELATIVE_ERROR: Final = (GAMMA - 1) / (GAMMA + 1)
"""0.4975 %."""
_ZERO = -32_768
"""The bucket of zero, and of what is no larger than the least float that has a bucket."""
_LARGEST = 32_767
_MOST_IN_ONE = 65_535
_BUCKET = np.dtype([("bucket", "<i2"), ("count", "<u2")])
_CELLS = 20_000_000
"""Of the table of counts that is held at once."""


def sketched(values: Numbers) -> str:
    """A sketch of values as a text; they are measures, so what is negative counts as zero."""
    buckets, counts = np.unique(_buckets(values), return_counts=True)
    full, rest = np.divmod(counts, _MOST_IN_ONE)
    buckets = np.concatenate([buckets, np.repeat(buckets, full)])
    counts = np.concatenate([rest, np.full(full.sum(), _MOST_IN_ONE)])
    cells = np.empty(np.count_nonzero(counts), _BUCKET)
    cells["bucket"], cells["count"] = buckets[counts > 0], counts[counts > 0]
    return base64.b64encode(cells.tobytes()).decode()


def quantiles_by_group(
    sketches: Sequence[str], groups: Indices, count: int, quantiles: Sequence[float]
) -> list[list[float] | None]:
    """Quantiles of all values in the sketches of each group.

    Args:
        sketches: What `sketched` made.
        groups: The group of each, from 0.
        count: Groups in all.
        quantiles: From 0 to 1, interpolated between the two nearest values (Hyndman & Fan, Sample Quantiles in
            Statistical Packages, 1996, type 7).

    Returns:
        For each group a number a quantile, each within `RELATIVE_ERROR`; None for a group without values.

    Raises:
        ValueError: A sketch is none.
    """
    parts = [base64.b64decode(sketch, validate=True) for sketch in sketches]
    if any(len(part) % _BUCKET.itemsize for part in parts):
        raise ValueError("not a sketch of values")
    cells = np.frombuffer(b"".join(parts), _BUCKET)
    owners = np.repeat(groups, [len(part) // _BUCKET.itemsize for part in parts])
    if not len(cells):
        return [None] * count
    known, columns = np.unique(cells["bucket"], return_inverse=True)
    values = _middles(known)
    answers: list[list[float] | None] = []
    height = max(1, _CELLS // len(known))
    for first in range(0, count, height):
        rows = min(height, count - first)
        here = (owners >= first) & (owners < first + rows)
        flat = (owners[here] - first) * len(known) + columns[here]
        table = np.bincount(flat, weights=cells["count"][here], minlength=rows * len(known))
        answers += _answers(np.cumsum(table.reshape(rows, len(known)), axis=1), values, quantiles)
    return answers


def _buckets(values: Numbers) -> Indices:
    with np.errstate(divide="ignore"):
        logarithms = np.ceil(np.log(np.maximum(values, 0.0)) / np.log(GAMMA))
    buckets: Indices = np.clip(logarithms, _ZERO, _LARGEST).astype(np.int64)
    return buckets


def _middles(buckets: NDArray[np.int16]) -> Numbers:
    """What stands for the values of each bucket: as far from its least as from its largest value."""
    middles: Numbers = 2 * np.power(GAMMA, buckets.astype(np.float64)) / (GAMMA + 1)
    return np.where(buckets == _ZERO, 0.0, middles)


def _answers(counted: Numbers, values: Numbers, quantiles: Sequence[float]) -> list[list[float] | None]:
    """Quantiles of rows of cumulated counts."""
    totals = counted[:, -1]
    found = np.empty((len(counted), len(quantiles)))
    for number, quantile in enumerate(quantiles):
        rank = quantile * np.maximum(totals - 1, 0)
        below, above = np.floor(rank), np.ceil(rank)
        low, high = (_value_at(counted, values, place) for place in (below, above))
        found[:, number] = low + (high - low) * (rank - below)
    return [row.tolist() if total else None for row, total in zip(found, totals, strict=True)]


def _value_at(counted: Numbers, values: Numbers, places: Numbers) -> Numbers:
    """The value at a place of each row's sorted values."""
    found: Numbers = values[np.minimum((counted <= places[:, None]).sum(axis=1), len(values) - 1)]
    return found
