"""Quantiles of the samples of many step runs."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from makespan_collector.store.embedded.merging import merged_samples
from makespan_collector.store.embedded.queries import Place, query
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

    def ask(connection: duckdb.DuckDBPyConnection) -> pa.Table:
        connection.register("given", steps)
        # One number a step: samples are ten million times joined with and grouped by it, not by texts.
        connection.execute(
            "CREATE TEMP TABLE steps AS SELECT trace_id, span_id, dense_rank() OVER (ORDER BY job_id, step) AS number, "
            "job_id, step FROM given"
        )
        sql = f"""
            WITH found AS (
                SELECT number, count(*) AS samples{values}
                FROM ({merged_samples(connection, metrics)}) JOIN (SELECT trace_id, span_id, number FROM steps)
                    USING (trace_id, span_id)
                GROUP BY number
            ), named AS (
                SELECT number, any_value(job_id) AS job_id, any_value(step) AS step, count(*) AS step_runs
                FROM steps GROUP BY number
            )
            SELECT job_id, step, step_runs, samples{"".join(f", {name}" for name in metrics)}
            FROM found JOIN named USING (number) ORDER BY number
        """  # noqa: S608 (names are checked above)
        return connection.sql(sql).to_arrow_table().cast(quantiles_schema(metrics))

    return query(root, SAMPLES, ask)
