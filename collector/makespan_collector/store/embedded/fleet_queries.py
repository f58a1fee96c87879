"""Questions about many pipelines at once, each answered by one pass over the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import duckdb

from makespan_collector.store.contract import PipelineKey, PipelineMark
from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.queries import Place, query
from makespan_collector.store.embedded.run_columns import runs_from_columns
from makespan_collector.store.rows import RUN_TREE
from makespan_collector.store.schema import SPANS
from makespan_model.records import PipelineRun

_COLUMNS = [name for name in SPANS.columns.names if name not in ("seq", "raw", "parent_span_id")]
_IDENTITY = "provider, repository, run_id, attempt"
_OURS = f"kind IN ({', '.join(repr(kind.value) for kind in RUN_TREE)})"


def runs_of(
    root: Place, pipelines: Collection[PipelineKey], *, limit: int | None, now_ns: int
) -> dict[PipelineKey, list[PipelineRun]]:
    """See `contract.ReadsManyPipelines`."""
    if not pipelines:
        return {}
    told = f"""
        CREATE TEMP TABLE told AS SELECT {_IDENTITY}, pipeline FROM (
            SELECT {_IDENTITY}, pipeline, min(start_ns) AS first_ns FROM rows
            WHERE {_OURS} AND repository IN (SELECT unnest($repositories))
                AND (repository, pipeline) IN (SELECT (unnest($repositories), unnest($names)))
            GROUP BY ALL
        )
    """  # noqa: S608 (values are parameters)
    if limit is not None:
        age = f"PARTITION BY repository, pipeline ORDER BY first_ns DESC, {_IDENTITY}"
        told += f"QUALIFY row_number() OVER ({age}) <= {max(0, int(limit))}"
    numbered = f"""
        CREATE TEMP TABLE chosen AS SELECT row_number() OVER () - 1 AS run, * FROM (
            SELECT {_IDENTITY}, list(pipeline) AS names FROM told GROUP BY ALL
        )
    """  # noqa: S608 (constants)
    parameters = {"repositories": [key[0] for key in pipelines], "names": [key[1] for key in pipelines]}
    # By repository first: the segments are in its order, and most of them are not read.
    near = "repository IN (SELECT repository FROM chosen)"
    sql = f"""
        SELECT * EXCLUDE (names) FROM ({merged_rows(SPANS, _COLUMNS, near)}) JOIN chosen USING ({_IDENTITY})
        WHERE {_OURS}
    """  # noqa: S608 (constants)

    def ask(connection: duckdb.DuckDBPyConnection) -> dict[PipelineKey, list[PipelineRun]]:
        connection.execute(told, parameters)
        connection.execute(numbered)
        runs = runs_from_columns(connection.sql(sql).to_arrow_table(), now_ns=now_ns)
        found: dict[PipelineKey, list[PipelineRun]] = defaultdict(list)
        for number, names in connection.sql("SELECT run, names FROM chosen").fetchall():
            for name in names if number in runs else ():
                found[runs[number].identity.repository, name].append(runs[number])
        return {key: sorted(found.get(key, ()), key=_age) for key in sorted(pipelines)}

    return query(root, SPANS, ask)


def _age(run: PipelineRun) -> tuple[int, str, int]:
    return run.start_ns, run.identity.run_id, run.identity.attempt


def pipeline_marks(root: Place) -> dict[PipelineKey, PipelineMark]:
    """See `contract.ReadsManyPipelines`."""
    sql = f"""
        SELECT repository, pipeline, max(seq), min(start_ns), count(*) FROM rows
        WHERE {_OURS} AND repository IS NOT NULL AND pipeline IS NOT NULL GROUP BY ALL ORDER BY ALL
    """  # noqa: S608 (constants)

    def ask(connection: duckdb.DuckDBPyConnection) -> dict[PipelineKey, PipelineMark]:
        rows = connection.sql(sql).fetchall()
        return {(repository, pipeline): PipelineMark(*mark) for repository, pipeline, *mark in rows}

    return query(root, SPANS, ask)
