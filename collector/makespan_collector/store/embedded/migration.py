"""Segments of older releases written anew with what this one derives for its queries."""

from __future__ import annotations

from pathlib import Path

from makespan_collector.store.embedded.segment_footers import footer_of
from makespan_collector.store.embedded.segment_writing import rewrite
from makespan_collector.store.embedded.segments import list_segments
from makespan_collector.store.embedded.step_keys import STEP_KEY
from makespan_collector.store.schema import SAMPLES


def add_step_keys(root: Path) -> int:
    """Give the samples of all compacted segments their step keys; returns how many segments lacked them.

    Segments without are read as well, by their ids. The caller holds the store's lock, and nothing is being compacted.

    Raises:
        OSError: A segment could not be written; those done so far stay done.
        InputError: A segment is damaged.
        UnavailableError: A segment could not be rewritten.
    """
    written = 0
    for segment in list_segments(root / SAMPLES.name).compacted:
        if STEP_KEY not in footer_of(segment.path, SAMPLES.time).columns:
            written += rewrite(SAMPLES, [segment], segment.path, lambda condition: f"FROM rows WHERE {condition}")
    return written
