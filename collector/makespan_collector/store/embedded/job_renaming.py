"""The naming of `job_matching` applied to rows in a table, for the runs it can concern."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from makespan_collector.store.job_matching import under_one_name
from makespan_collector.store.rows import PROVIDER_SOURCES, SpanKind

NEEDED = (
    *("kind", "source", "state", "job_id", "job_name", "job_run_id", "worker", "start_ns", "end_ns", "step_index"),
)
"""Columns that the table must have, besides `run`, `trace_id` and `span_id`."""

_COLUMNS = ("run", "trace_id", "span_id", *NEEDED)
_CHANGED = pa.schema(
    [
        ("run", pa.int64()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("job_id", pa.string()),
        ("job_name", pa.string()),
        ("step_index", pa.int32()),
        ("is_dropped", pa.bool_()),
    ]
)
_PROVIDERS_OWN = f"coalesce(source IN ({', '.join(repr(source) for source in PROVIDER_SOURCES)}), false)"


def rename_jobs(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Bring jobs and steps that are the same under one name, in runs of which a provider and others told."""
    rows = connection.sql(
        f"""
        SELECT {", ".join(_COLUMNS)} FROM {table} WHERE kind <> '{SpanKind.RUN}' AND run IN (
            SELECT run FROM {table} GROUP BY run
            HAVING bool_or(kind = '{SpanKind.JOB}' AND {_PROVIDERS_OWN})
                AND bool_or(kind = '{SpanKind.STEP}' AND NOT {_PROVIDERS_OWN})
        ) ORDER BY run, trace_id, span_id
        """  # noqa: S608 (names are ours)
    ).fetchall()
    changed = [
        change
        for _, told in groupby((dict(zip(_COLUMNS, row, strict=True)) for row in rows), key=lambda row: row["run"])
        for change in _changes(list(told))
    ]
    if not changed:
        return
    connection.register("changed", pa.Table.from_pylist(changed, _CHANGED))
    same = "t.run = c.run AND t.trace_id = c.trace_id AND t.span_id = c.span_id"
    connection.execute(
        f"""
        UPDATE {table} t SET job_id = c.job_id, job_name = c.job_name, step_index = c.step_index
        FROM changed c WHERE {same} AND NOT c.is_dropped
        """  # noqa: S608 (names are ours)
    )
    connection.execute(f"DELETE FROM {table} t USING changed c WHERE {same} AND c.is_dropped")  # noqa: S608
    connection.unregister("changed")


def _changes(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of one run that are to be different, or to go."""
    named = {(row["trace_id"], row["span_id"]): row for row in under_one_name(told)}
    changes = []
    for row in told:
        now = named.get((row["trace_id"], row["span_id"]))
        if now is not row:
            changes.append({**(now or row), "is_dropped": now is None})
    return [{name: change[name] for name in _CHANGED.names} for change in changes]
