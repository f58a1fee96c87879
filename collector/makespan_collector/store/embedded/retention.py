"""Old rows taken out of the segments of a store.

Samples are many and lose their use in weeks; runs are few and are kept for years. Before the samples of a step go,
what they said is kept as one row of quantiles. Steps are pruned whole, by the age of their last sample, and a step
that has a summary is never summarised again: a prune that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.queries import query
from makespan_collector.store.embedded.segment_writing import rewrite
from makespan_collector.store.embedded.segments import list_segments
from makespan_collector.store.schema import SAMPLES, SPANS, SUMMARIES, TableSchema


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a prune took out, or would: rows of each table, and steps that were summarised."""

    samples: int = 0
    spans: int = 0
    summaries: int = 0


def old_steps(root: Path, before_ns: int) -> pa.Table:
    """Trace and span ids of steps whose last sample is older."""
    sql = "SELECT trace_id, span_id FROM rows GROUP BY ALL HAVING max(time_ns) < ?"
    return query(root, SAMPLES, lambda connection: connection.sql(sql, params=[before_ns]).to_arrow_table())


def old_runs(root: Path, before_ns: int) -> pa.Table:
    """Trace ids of runs whose last span ended before, with everything in them."""
    sql = "SELECT trace_id FROM rows GROUP BY ALL HAVING max(end_ns) < ?"
    return query(root, SPANS, lambda connection: connection.sql(sql, params=[before_ns]).to_arrow_table())


def foreseen(root: Path, *, samples_before_ns: int | None, runs_before_ns: int | None) -> Pruned:
    """What a prune would take out now; rows that were sent twice may still count twice."""
    samples = spans = summaries = 0
    if samples_before_ns is not None:
        steps = old_steps(root, samples_before_ns)
        summaries = len(summaries_of(root, steps))
        samples = _count(root, SAMPLES, steps)
    if runs_before_ns is not None:
        runs = old_runs(root, runs_before_ns)
        spans = _count(root, SPANS, runs)
        samples = max(samples, _count(root, SAMPLES, runs))
    return Pruned(samples, spans, summaries)


def _count(root: Path, table: TableSchema, gone: pa.Table) -> int:
    def ask(connection: duckdb.DuckDBPyConnection) -> int:
        connection.register("gone", gone)
        sql = f"SELECT count(*) FROM rows SEMI JOIN gone USING ({', '.join(gone.column_names)})"  # noqa: S608 (ours)
        ((found,),) = connection.execute(sql).fetchall()
        return int(found)

    return query(root, table, ask)


def summaries_of(root: Path, steps: pa.Table) -> pa.RecordBatch:
    """What the samples of these steps said, for those without a summary; columns of `SUMMARIES` without `seq`."""
    done = query(
        root, SUMMARIES, lambda connection: connection.sql("SELECT trace_id, span_id FROM rows").to_arrow_table()
    )
    values = ", ".join(
        f"{function}({column}) AS {name}" if share is None else f"quantile_cont({column}, {share}) AS {name}"
        for name, column, function, share in _SUMMARY
    )
    sql = f"""
        SELECT trace_id, span_id, {values} FROM ({merged_rows(SAMPLES)})
        SEMI JOIN chosen USING (trace_id, span_id) ANTI JOIN done USING (trace_id, span_id) GROUP BY ALL
    """  # noqa: S608 (names are ours)

    def ask(connection: duckdb.DuckDBPyConnection) -> pa.Table:
        connection.register("chosen", steps)
        connection.register("done", done)
        return connection.sql(sql).to_arrow_table()

    schema = pa.schema(list(SUMMARIES.columns)[1:])
    batches = query(root, SAMPLES, ask).cast(schema).combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema)


_SUMMARY = (
    ("samples", "time_ns", "count", None),
    ("first_ns", "time_ns", "min", None),
    ("last_ns", "time_ns", "max", None),
    ("cpu_cores_p50", "cpu_cores", "", 0.5),
    ("cpu_cores_p95", "cpu_cores", "", 0.95),
    ("cpu_cores_max", "cpu_cores", "max", None),
    ("memory_bytes_p50", "memory_bytes", "", 0.5),
    ("memory_bytes_p95", "memory_bytes", "", 0.95),
    ("memory_bytes_max", "memory_bytes", "max", None),
)


def remove_rows(root: Path, table: TableSchema, gone: pa.Table) -> int:
    """Take the rows with these keys out of all compacted segments; returns how many.

    Raises:
        OSError: A segment could not be written again; those done so far stay done.
        UnavailableError: A segment could not be read.
    """
    keys = ", ".join(gone.column_names)
    removed = 0
    for segment in list_segments(root / table.name).compacted:
        hits = 0

        def has_some(connection: duckdb.DuckDBPyConnection) -> bool:
            nonlocal hits
            connection.register("gone", gone)
            count = f"SELECT count(*) FROM rows SEMI JOIN gone USING ({keys})"  # noqa: S608 (ours)
            ((hits,),) = connection.execute(count).fetchall()
            return bool(hits)

        def kept(condition: str) -> str:
            return f"FROM rows ANTI JOIN gone USING ({keys}) WHERE {condition}"

        # The segment keeps its name also when nothing is left: the name says which logs it stands for.
        if rewrite(table, [segment], segment.path, kept, has_some):
            removed += hits
    return removed
