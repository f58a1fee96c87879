"""The questions a store answers, asked of the embedded one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import duckdb

from makespan_collector.store.assembly import assemble_runs
from makespan_collector.store.contract import PipelineSummary
from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.queries import Place, fetch, query
from makespan_collector.store.rows import RUN_TREE
from makespan_collector.store.schema import SAMPLES, SPANS
from makespan_model.records import PipelineRun, Sample
from makespan_model.vocabulary import SAMPLE_METRICS

_COLUMNS = [name for name in SPANS.columns.names if name not in ("seq", "raw")]
_IDENTITY = "provider, repository, run_id, attempt"
_OURS = f"kind IN ({', '.join(repr(kind.value) for kind in RUN_TREE)})"


def runs(
    root: Place,
    *,
    pipeline: str | None,
    repository: str | None,
    run_ids: Collection[str] | None,
    since_ns: int | None,
    until_ns: int | None,
    limit: int | None,
    now_ns: int,
) -> list[PipelineRun]:
    """See `Store.runs`."""
    conditions: list[str] = [_OURS]
    parameters: list[str | int] = []
    for column, value in (("pipeline", pipeline), ("repository", repository)):
        if value is not None:
            conditions.append(f"{column} = ?")
            parameters.append(value)
    if run_ids is not None:
        if not run_ids:
            return []
        conditions.append(f"run_id IN ({', '.join('?' * len(run_ids))})")
        parameters += run_ids
    newest = f"LIMIT {max(0, int(limit))}" if limit is not None else ""
    bounds = [(">=", since_ns), ("<", until_ns)]
    in_time = " AND ".join(f"min(start_ns) {sign} ?" for sign, bound in bounds if bound is not None)
    parameters += [bound for _, bound in bounds if bound is not None]
    # By identity, not by trace: a sender that is not ours may have drawn a trace id of its own. By kind only once
    # rows are merged: a stage taken for a job may turn out to hold other stages.
    in_chosen = f"({_IDENTITY}) IN (SELECT {_IDENTITY} FROM chosen)"  # noqa: S608 (constants)
    sql = f"""
        WITH chosen AS (
            SELECT {_IDENTITY} FROM rows WHERE {" AND ".join(conditions)}
            GROUP BY ALL {f"HAVING {in_time}" if in_time else ""} ORDER BY min(start_ns) DESC, {_IDENTITY} {newest}
        )
        FROM ({merged_rows(SPANS, _COLUMNS, in_chosen)}) WHERE {_OURS}
    """  # noqa: S608 (values are parameters)

    def ask(connection: duckdb.DuckDBPyConnection) -> list[PipelineRun]:
        return assemble_runs(fetch(connection, sql, parameters), now_ns=now_ns)

    return query(root, SPANS, ask)


def pipelines(root: Place) -> list[PipelineSummary]:
    """See `Store.pipelines`."""
    sql = f"""
        WITH runs AS (
            SELECT repository, pipeline, {_IDENTITY.replace("repository, ", "")}, min(start_ns) AS start_ns
            FROM rows WHERE {_OURS} GROUP BY ALL
        )
        SELECT repository, pipeline, count(*) AS runs, min(start_ns) AS first_start_ns, max(start_ns) AS last_start_ns
        FROM runs GROUP BY ALL ORDER BY repository, pipeline
    """  # noqa: S608 (constants)
    return query(root, SPANS, lambda connection: [PipelineSummary(**row) for row in fetch(connection, sql)])


def samples(root: Place, trace_id: str, span_id: str) -> list[Sample]:
    """See `Store.samples`."""
    sql = f"""
        SELECT time_ns, {", ".join(SAMPLE_METRICS)}
        FROM ({merged_rows(SAMPLES, where="trace_id = ? AND span_id = ?")})
        WHERE cpu_cores IS NOT NULL AND memory_bytes IS NOT NULL AND processes IS NOT NULL
        ORDER BY time_ns
    """  # noqa: S608 (values are parameters)
    return query(
        root, SAMPLES, lambda connection: [Sample(**row) for row in fetch(connection, sql, [trace_id, span_id])]
    )


def samples_of(root: Place, trace_ids: Collection[str]) -> dict[tuple[str, str], list[Sample]]:
    """See `contract.ReadsManySamples`."""
    if not trace_ids:
        return {}
    sql = f"""
        SELECT trace_id, span_id, time_ns, {", ".join(SAMPLE_METRICS)}
        FROM ({merged_rows(SAMPLES, where="trace_id IN (SELECT unnest(?))")})
        WHERE cpu_cores IS NOT NULL AND memory_bytes IS NOT NULL AND processes IS NOT NULL
        ORDER BY trace_id, span_id, time_ns
    """  # noqa: S608 (values are parameters)

    def ask(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[Sample]]:
        found: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        for row in fetch(connection, sql, [list(trace_ids)]):
            found[row.pop("trace_id"), row.pop("span_id")].append(Sample(**row))
        return dict(found)

    return query(root, SAMPLES, ask)
