"""Samples as InfluxDB points, written column by column: there are hundreds of them for each step."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from makespan_collector.store.influx.points import next_seq, place_of
from makespan_collector.store.schema import SAMPLES, Samples, unnumbered_batch

SAMPLE_MEASUREMENT: Final = "sample"
SAMPLE_WINDOW_NS: Final = 1_000_000
"""Within it the points of different steps are moved apart."""


def sample_lines(samples: Samples) -> list[str]:
    """Samples in line protocol; parts of one reading are fields of one point."""
    batch = samples if isinstance(samples, pa.RecordBatch) else unnumbered_batch(SAMPLES, samples)
    first = next_seq()
    fields = [_field("seq", pa.array(np.arange(first, first + len(batch))))]
    fields += [_field(name, batch[name]) for name in batch.schema.names]
    shards = pc.utf8_slice_codeunits(batch["trace_id"], 0, 2)
    told = pc.binary_join_element_wise(*fields, ",", null_handling="skip")
    lines = pc.binary_join_element_wise(
        f"{SAMPLE_MEASUREMENT},shard=", shards, " ", told, " ", pa.array(_moved_ns(batch)).cast(pa.string()), ""
    )
    found: list[str] = lines.to_pylist()
    return found


def _field(name: str, values: pa.Array) -> pa.Array:
    """`name=value` of each row; null where there is none, or one that InfluxDB cannot hold."""
    if pa.types.is_string(values.type):
        # Ids, in hexadecimal digits: nothing in them needs an escape.
        return pc.binary_join_element_wise(f'{name}="', values, '"', "")
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_finite(values), values, None)
        return pc.binary_join_element_wise(f"{name}=", values.cast(pa.string()), "")
    return pc.binary_join_element_wise(f"{name}=", values.cast(pa.string()), "i", "")


def _moved_ns(batch: pa.RecordBatch) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The instant each sample has for its own: `points.moved_ns`, and apart from others of its step."""
    steps = pc.binary_join_element_wise(batch["trace_id"], batch["span_id"], " ").dictionary_encode()
    places = [place_of(*step.split(" ")) % SAMPLE_WINDOW_NS for step in steps.dictionary.to_pylist()]
    times = batch["time_ns"].to_numpy()
    own = np.array(places, np.int64)[steps.indices.to_numpy()] + times
    moved: np.ndarray[tuple[int], np.dtype[np.int64]] = times - times % SAMPLE_WINDOW_NS + own % SAMPLE_WINDOW_NS
    return moved
