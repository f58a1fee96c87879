"""Pipelines dealt out into portions that one process reads in one pass and holds in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from makespan_collector.store.contract import PipelineKey

ROWS_AT_ONCE = 80_000
"""Spans of a chunk: some 150 MB as records. A pass over a store costs some ten milliseconds whatever it finds, which
ten pipelines of 500 runs share here."""
_CHUNKS_A_WORKER = 4
"""At the least, where there is little to do: so that no worker waits long for the last one."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Pipelines that are analysed together, neighbours in the order of the store."""

    pipelines: tuple[PipelineKey, ...]

    def __str__(self) -> str:
        first, last = self.pipelines[0], self.pipelines[-1]
        name = f"{first[1]!r} of {first[0]}"
        return (
            name if len(self.pipelines) == 1 else f"{len(self.pipelines)} pipelines, {name} to {last[1]!r} of {last[0]}"
        )


def chunks_of(rows: Mapping[PipelineKey, int], *, workers: int, rows_at_once: int = ROWS_AT_ONCE) -> list[Chunk]:
    """Chunks in order of repository and name; a pipeline with more rows than a chunk holds is one alone.

    Args:
        rows: How many spans there are of each pipeline.
        workers: So that each of them has some to do, chunks are smaller where there is little.
        rows_at_once: The most that a chunk holds.
    """
    most = max(1, min(rows_at_once, sum(rows.values()) // (_CHUNKS_A_WORKER * max(1, workers))))
    chunks: list[Chunk] = []
    gathered: list[PipelineKey] = []
    size = 0
    for _, neighbours in groupby(sorted(rows), key=lambda key: key[0]):
        keys = list(neighbours)
        whole = sum(rows[key] for key in keys)
        for key in keys:
            # A pass finds its rows by repository: one that fits into a chunk is not read for two.
            is_full = size + (whole if key is keys[0] and whole <= most else rows[key]) > most
            if gathered and is_full:
                chunks.append(Chunk(tuple(gathered)))
                gathered, size = [], 0
            gathered.append(key)
            size += rows[key]
    if gathered:
        chunks.append(Chunk(tuple(gathered)))
    return chunks
