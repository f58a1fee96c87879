"""What the samples of a step said, rolled up when they are written, so that no page reads millions of them.

With the samples of every request goes one point a step: how many there were, from when to when, and a sketch of each
metric. It is written with them and before they are acknowledged, so it needs no task on the server, which is another
one in each version of InfluxDB, and is there after any crash. A request that is sent again writes the same point.
Points outlive the samples they are of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from makespan_collector.store.influx.points import line, moved_ns, shard_of, text_field
from makespan_collector.store.influx.quantile_sketches import Indices, quantiles_by_group, sketched
from makespan_collector.store.influx.row_source import LONGEST_RUN_NS
from makespan_collector.store.influx.sample_points import SAMPLE_WINDOW_NS
from makespan_collector.store.influx.server import HISTORY, Chunk, Server
from makespan_collector.store.schema import SAMPLES, Samples, unnumbered_batch
from makespan_collector.store.series import check_asked, quantiles_schema
from makespan_model.errors import InputError
from makespan_model.vocabulary import SAMPLE_METRICS

SUMMARY_MEASUREMENT: Final = "sample_summary"
_HOUR_NS = 3_600 * 1_000_000_000


def summary_lines(samples: Samples) -> Iterator[str]:
    """Summaries of the samples of one request, in line protocol."""
    batch = samples if isinstance(samples, pa.RecordBatch) else unnumbered_batch(SAMPLES, samples)
    keys = pc.binary_join_element_wise(batch["trace_id"], batch["span_id"], "").dictionary_encode()
    owners = keys.indices.to_numpy()
    order = np.argsort(owners, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(owners[order]) > 0])
    times = batch["time_ns"].to_numpy()
    metrics = {name: _numbers(batch[name]) for name in SAMPLE_METRICS if batch[name].null_count < len(batch)}
    for rows in np.split(order, starts[1:]):
        first = int(rows[0])
        trace_id, span_id = batch["trace_id"][first].as_py(), batch["span_id"][first].as_py()
        instants = np.unique(times[rows])
        first_ns, last_ns = int(instants[0]), int(instants[-1])
        fields = {
            "trace_id": text_field(trace_id),
            "span_id": text_field(span_id),
            "first_ns": f"{first_ns}i",
            "last_ns": f"{last_ns}i",
            "samples": f"{len(instants)}i",
        }
        for name, values in metrics.items():
            given = values[rows]
            given = given[np.isfinite(given)]
            if len(given):
                fields[name] = text_field(sketched(given))
        yield line(
            SUMMARY_MEASUREMENT,
            {"shard": shard_of(trace_id)},
            fields,
            moved_ns(first_ns, SAMPLE_WINDOW_NS, trace_id, span_id),
        )


def sample_quantiles(server: Server, steps: pa.Table, quantiles: Sequence[float], metrics: Sequence[str]) -> pa.Table:
    """See `Store.sample_quantiles`: out of the summaries, so within `quantile_sketches.RELATIVE_ERROR`.

    Args:
        server: Where they are.
        steps: Of what `series_queries.step_keys` answers with.
        quantiles: From 0 to 1.
        metrics: Columns of the samples.

    Raises:
        ValueError: A quantile outside of 0 to 1, or a metric that samples do not have.
        UnavailableError: The server does not answer.
        InputError: A summary is damaged.
    """
    check_asked(quantiles, metrics)
    names = sorted(set(zip(steps["job_id"].to_pylist(), steps["step"].to_pylist(), strict=True)), key=_in_order)
    numbers = {name: number for number, name in enumerate(names)}
    of_step = np.array(
        [numbers[name] for name in zip(steps["job_id"].to_pylist(), steps["step"].to_pylist(), strict=True)], np.int64
    )
    found = _summaries(server, steps, metrics)
    owners = found["owner"].to_numpy()
    counted = _counted_once(found, found["samples"])
    samples = np.bincount(of_step[owners[counted]], found["samples"].to_numpy()[counted], len(names))
    answers: dict[str, list[Any]] = {}
    for metric in metrics:
        rows = _counted_once(found, found[metric])
        sketches = found[metric].take(pa.array(rows)).to_pylist()
        try:
            answers[metric] = quantiles_by_group(sketches, of_step[owners[rows]], len(names), quantiles)
        except ValueError as error:
            raise InputError(f"{server.target.url}: a summary of samples is damaged: {error}") from error
    runs = np.bincount(of_step, minlength=len(names))
    kept = [number for number in range(len(names)) if samples[number]]
    columns: dict[str, list[Any]] = {
        "job_id": [names[number][0] for number in kept],
        "step": [names[number][1] for number in kept],
        "step_runs": [int(runs[number]) for number in kept],
        "samples": [int(samples[number]) for number in kept],
        **{metric: [answers[metric][number] for number in kept] for metric in metrics},
    }
    return pa.table(columns, schema=quantiles_schema(metrics))


def _summaries(server: Server, steps: pa.Table, metrics: Sequence[str]) -> pa.Table:
    """Summaries of these steps; `owner` is the row of the step."""
    schema = pa.schema(
        [(name, pa.int64()) for name in ("owner", "first_ns", "last_ns", "samples")]
        + [(name, pa.string()) for name in metrics]
    )
    if not len(steps):
        return schema.empty_table()
    names = ["trace_id", "span_id", *schema.names[1:]]
    starts = steps["start_ns"]
    # A sampler may be a little ahead of the step's span.
    first_ns, last_ns = pc.min(starts).as_py() - _HOUR_NS, pc.max(starts).as_py() + LONGEST_RUN_NS
    fields = ", ".join(f'"{name}"' for name in names)
    sql = f'SELECT {fields} FROM "{SUMMARY_MEASUREMENT}" WHERE time >= {first_ns} AND time <= {last_ns}'  # noqa: S608
    keys = pc.binary_join_element_wise(steps["trace_id"], steps["span_id"], "").combine_chunks()
    batches = [_of_steps(chunk, keys, schema) for chunk in server.ask_chunks(sql, HISTORY)]
    return pa.Table.from_batches(batches, schema=schema)


def _of_steps(chunk: Chunk, keys: pa.Array, schema: pa.Schema) -> pa.RecordBatch:
    """The rows of a chunk that are of one of the steps."""
    columns = dict(zip(chunk.columns, zip(*chunk.rows, strict=True), strict=True))
    told = pa.array([trace + span for trace, span in zip(columns["trace_id"], columns["span_id"], strict=True)])
    arrays = [pc.index_in(told, value_set=keys).cast(pa.int64())]
    arrays += [pa.array(columns[field.name], field.type) for field in list(schema)[1:]]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return batch.filter(batch["owner"].is_valid())


def _counted_once(found: pa.Table, told: pa.ChunkedArray) -> Indices:
    """Rows that say something, without those that are of samples another row is of as well.

    The requests of a step follow each other in time. Where two overlap, one was sent again in other parts, and the one
    of more samples is believed.
    """
    rows = np.flatnonzero(told.is_valid().to_numpy())
    owners, first, last, samples = (
        found[name].to_numpy()[rows] for name in ("owner", "first_ns", "last_ns", "samples")
    )
    order = np.lexsort((first, owners))
    repeated = np.bincount(owners, minlength=1)[owners] > 1
    kept: list[int] = np.flatnonzero(~repeated).tolist()
    before: int | None = None
    for row in order[repeated[order]].tolist():
        if before is None or owners[row] != owners[before] or first[row] > last[before]:
            kept.append(row)
        elif samples[row] > samples[before]:
            kept[-1] = row
        else:
            continue
        before = row
    return rows[np.array(kept, np.int64)]


def _numbers(column: pa.Array) -> Any:
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _in_order(name: tuple[str | None, str | None]) -> tuple[tuple[bool, str], ...]:
    return tuple((part is None, part or "") for part in name)
