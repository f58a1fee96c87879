"""Quantiles of the samples of many step runs."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from makespan_collector.store.embedded.queries import Place, query
from makespan_collector.store.embedded.sample_merging import merged_samples
from makespan_collector.store.embedded.step_keys import STEP_KEY, step_keys
from makespan_collector.store.schema import SAMPLES
from makespan_collector.store.series import check_asked, quantiles_schema


def sample_quantiles(root: Place, steps: pa.Table, quantiles: Sequence[float], metrics: Sequence[str]) -> pa.Table:
    """See `Store.sample_quantiles`.

    Args:
        root: Where the samples are.
        steps: Of what `series_queries.step_keys` answers with.
        quantiles: From 0 to 1, interpolated linearly between the two nearest samples (Hyndman & Fan, Sample
            Quantiles in Statistical Packages, 1996, type 7).
        metrics: Columns of the samples.

    Raises:
        ValueError: A quantile outside of 0 to 1, or a metric that samples do not have.
    """
    check_asked(quantiles, metrics)
    listed = f"[{', '.join(repr(float(quantile)) for quantile in quantiles)}]"
    values = "".join(f", quantile_cont({name}::DOUBLE, {listed}) AS {name}" for name in metrics)
    names = "".join(f", {name}" for name in metrics)

    def ask(connection: duckdb.DuckDBPyConnection) -> pa.Table:
        keys = step_keys(*(steps[name] for name in ("trace_id", "span_id")))
        # Two steps of one key are told apart by their ids alone.
        merged = merged_samples(connection, metrics, with_keys=len(np.unique(keys)) == len(keys))
        connection.register("given", steps.append_column(STEP_KEY, pa.array(keys)))
        parts: list[str] = []
        for samples, key in ((merged.keyed, STEP_KEY), (merged.plain, "trace_id, span_id")):
            if samples is not None:
                number_of = f"number_by_{len(parts)}"
                connection.execute(_numbering(key, number_of))
                parts.append(f"SELECT number{names} FROM ({samples}) JOIN {number_of} USING ({key})")  # noqa: S608
        if not parts:
            return quantiles_schema(metrics).empty_table()
        sql = f"""
            WITH found AS (
                SELECT number, count(*) AS samples{values} FROM ({" UNION ALL ".join(parts)}) GROUP BY number
            )
            SELECT job_id, step, step_runs, samples{names} FROM found JOIN named USING (number) ORDER BY number
        """  # noqa: S608 (names are checked above)
        return connection.sql(sql).to_arrow_table().cast(quantiles_schema(metrics))

    return query(root, SAMPLES, ask)


def _numbering(key: str, table: str) -> str:
    """Makes the numbers of steps under a key: samples are ten million times grouped by them, not by texts.

    They are a table, of which DuckDB knows how large the numbers get: it groups by an array then, not by a hash.
    """
    return f"""
        CREATE TEMP TABLE IF NOT EXISTS named AS
            SELECT row_number() OVER (ORDER BY job_id, step) AS number, * FROM (
                SELECT job_id, step, count(*) AS step_runs FROM given GROUP BY ALL
            );
        CREATE TEMP TABLE {table} AS SELECT {key}, number FROM given JOIN named ON
            given.job_id IS NOT DISTINCT FROM named.job_id AND given.step IS NOT DISTINCT FROM named.step
    """  # noqa: S608 (names are ours)
