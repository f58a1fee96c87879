"""History in columns out of the embedded store, without an object a run: what `series` does, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from makespan_collector.store.assembly import CLOSED_AFTER_NS, PLAIN, SEVERITY
from makespan_collector.store.clock_skew import TOLERATED_NS
from makespan_collector.store.embedded.job_renaming import NEEDED, rename_jobs
from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.queries import Place, query
from makespan_collector.store.rows import PROVIDER_SOURCES, RUN_TREE, SpanKind
from makespan_collector.store.schema import SPANS
from makespan_collector.store.series import JOB_SERIES, MEASURED, RUN_SERIES, STEP_SERIES
from makespan_model.records import RunState

_IDENTITY = ("provider", "repository", "run_id", "attempt")
_COLUMNS = (
    *("kind", "name", "start_ns", "end_ns", "queued_ns", "provider", "repository", "run_id", "attempt", "pipeline"),
    *("ref", "commit", "event", "actor", "change", "source", "state", "result", "job_id", "job_name", "worker"),
    "job_run_id",
    *("runner_labels", "step_path", "step_index", "step_kind", "exit_code", "cache_outcome"),
    *("cpu_user_s", "cpu_system_s", *(name for name, _ in MEASURED)),
)
_KEY_COLUMNS = (*NEEDED, "cpu_user_s", "cpu_system_s", "step_path", *_IDENTITY)
_PLAIN_KEY_COLUMNS = ("kind", "job_id", "step_path", "start_ns", *_IDENTITY)
_OURS = f"kind IN ({', '.join(repr(kind.value) for kind in RUN_TREE)})"
_PROVIDERS = ", ".join(repr(source) for source in PROVIDER_SOURCES)
# Of several spans of one run or job: ended before running, the provider's before others', the longest heard of.
_STANDING = f"(state IS NULL) DESC, coalesce(source IN ({_PROVIDERS}), false) DESC, end_ns DESC, span_id"
# What `records.pooled_path` does.
_POOLED = "regexp_replace(step_path, '@[0-9]{16,}$', '')"
_CPU_S = """
    CASE WHEN cpu_user_s IS NOT NULL OR cpu_system_s IS NOT NULL
    THEN coalesce(cpu_user_s, 0) + coalesce(cpu_system_s, 0) END
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which runs are asked for; None does not narrow.

    Attributes:
        since_ns: Runs whose first span started then or later. `until_ns` leaves out that instant and later.
    """

    repository: str | None = None
    pipeline: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None

    def conditions(self) -> tuple[str, str, dict[str, str | int]]:
        """A condition on rows, one on whole runs (over `first_ns`), and the parameters of both."""
        asked: dict[str, str | int | None] = {
            "repository": self.repository,
            "pipeline": self.pipeline,
            "since_ns": self.since_ns,
            "until_ns": self.until_ns,
        }
        parameters = {name: value for name, value in asked.items() if value is not None}
        rows = [f"{name} = ${name}" for name in ("repository", "pipeline") if name in parameters]
        runs = ["true"]
        if self.since_ns is not None:
            runs.append("first_ns >= $since_ns")
        if self.until_ns is not None:
            runs.append("first_ns < $until_ns")
        return " AND ".join(rows) or "true", " AND ".join(runs), parameters


def run_series(root: Place, chosen: Chosen, *, now_ns: int) -> pa.Table:
    """See `Store.run_series`."""
    sql = f"""
        SELECT {_run_columns()}, r.actor, r.change, r.result,
            r.state, (r.end_ns - r.start_ns) / 1e9 AS duration_s, r.jobs, r.cpu_s
        FROM runs r ORDER BY r.start_ns, r.run_id, r.attempt
    """  # noqa: S608 (constants)
    return _ask(root, chosen, sql, RUN_SERIES, now_ns)


def job_series(root: Place, chosen: Chosen, *, now_ns: int) -> pa.Table:
    """See `Store.job_series`."""
    sql = f"""
        SELECT {_run_columns()}, j.job_id, j.job_name, j.start_ns, j.worker, j.runner_labels, j.result,
            j.state, (j.end_ns - j.start_ns) / 1e9 AS duration_s, j.queue_s, j.steps, j.cpu_s
        FROM jobs j JOIN runs r USING (run) ORDER BY r.start_ns, r.run_id, r.attempt, j.start_ns, j.job_name
    """  # noqa: S608 (constants)
    return _ask(root, chosen, sql, JOB_SERIES, now_ns)


def step_series(root: Place, chosen: Chosen, *, now_ns: int) -> pa.Table:
    """See `Store.step_series`."""
    measured = ", ".join(f"s.{name}" for name, _ in MEASURED)
    sql = f"""
        SELECT {_run_columns()}, j.job_id, j.job_name,
            {_POOLED} AS step, s.step_path, s.name AS step_name, s.step_index,
            s.step_kind, greatest(0, s.start_ns - j.clock_offset_ns) AS start_ns,
            s.result, s.exit_code, s.cache_outcome,
            (s.end_ns - s.start_ns) / 1e9 AS duration_s, j.queue_s, s.cpu_s, {measured}
        FROM steps s JOIN jobs j USING (run, job_name) JOIN runs r USING (run)
        ORDER BY r.start_ns, r.run_id, r.attempt, j.start_ns, j.job_name, s.start_ns, coalesce(s.step_index, 0),
            s.step_path
    """  # noqa: S608 (constants)
    return _ask(root, chosen, sql, STEP_SERIES, now_ns)


def step_keys(root: Place, chosen: Chosen) -> pa.Table:
    """Trace and span id of every step run of the chosen runs, with its job id, pooled path and start."""
    wanted = f"SELECT trace_id, span_id, job_id, {_POOLED} AS step, start_ns FROM"

    def ask(connection: duckdb.DuckDBPyConnection) -> pa.Table:
        _choose_runs(connection, chosen)
        if _told_once(connection):
            told, parameters = _told(connection, chosen, _PLAIN_KEY_COLUMNS)
            return connection.sql(
                f"{wanted} ({told}) WHERE kind = '{SpanKind.STEP}'", params=parameters
            ).to_arrow_table()
        _choose_rows(connection, chosen, _KEY_COLUMNS)
        connection.execute(_STEPS)
        return connection.sql(f"{wanted} steps").to_arrow_table()

    return query(root, SPANS, ask)


def _told_once(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether no other teller's word can change which steps the chosen runs have, and under what names."""
    provided = f"kind = '{SpanKind.JOB}' AND source IN ({_PROVIDERS})"
    sql = f"""
        SELECT (SELECT bool_or(many_tellers) FROM chosen), EXISTS (SELECT 1 FROM rows WHERE {provided})
    """  # noqa: S608 (constants)
    ((many_tellers, is_provided),) = connection.execute(sql).fetchall()
    return not many_tellers and not is_provided


def _run_columns() -> str:
    names = ("repository", "pipeline", "provider", "run_id", "attempt")
    told = ("ref", "commit", "event")
    return ", ".join((*(f"r.{name}" for name in names), "r.start_ns AS run_start_ns", *(f"r.{name}" for name in told)))


def _ask(root: Place, chosen: Chosen, sql: str, schema: pa.Schema, now_ns: int) -> pa.Table:
    def ask(connection: duckdb.DuckDBPyConnection) -> pa.Table:
        _choose(connection, chosen)
        _put_together(connection, now_ns)
        return connection.sql(sql).to_arrow_table().cast(schema)

    return query(root, SPANS, ask)


def _choose(connection: duckdb.DuckDBPyConnection, chosen: Chosen) -> None:
    """Tables `chosen` and `told`: the runs, and their spans."""
    _choose_runs(connection, chosen)
    _choose_rows(connection, chosen, _COLUMNS)


def _choose_runs(connection: duckdb.DuckDBPyConnection, chosen: Chosen) -> None:
    """Table `chosen`: the chosen runs with a number each."""
    rows, runs, parameters = chosen.conditions()
    connection.execute(
        f"""
        CREATE TEMP TABLE chosen AS
        SELECT row_number() OVER () AS run, * FROM (
            SELECT {", ".join(_IDENTITY)}, min(start_ns) AS first_ns, min(trace_id) <> max(trace_id) AS many_tellers
            FROM rows WHERE {_OURS} AND {rows} GROUP BY ALL
        ) WHERE {runs}
        """,  # noqa: S608 (values are parameters)
        parameters,
    )


def _choose_rows(connection: duckdb.DuckDBPyConnection, chosen: Chosen, columns: Sequence[str]) -> None:
    """Table `told`: the spans of the chosen runs, each once, with the number of its run."""
    told, parameters = _told(connection, chosen, columns)
    connection.execute(f"CREATE TEMP TABLE told AS {told}", parameters)
    rename_jobs(connection, "told")


def _told(
    connection: duckdb.DuckDBPyConnection, chosen: Chosen, columns: Sequence[str]
) -> tuple[str, dict[str, str | int]]:
    """The SQL for the spans of the chosen runs, and its parameters."""
    rows, _, parameters = chosen.conditions()
    in_time = " AND start_ns >= $since_ns" if chosen.since_ns is not None else ""
    identity = ", ".join(_IDENTITY)
    if connection.execute("SELECT 1 FROM loose_rows LIMIT 1").fetchall():
        once = merged_rows(SPANS, columns, rows + in_time, settled=True)
    else:
        names = ", ".join(dict.fromkeys((*SPANS.key, *columns)))
        once = f"SELECT {names} FROM rows WHERE {rows}{in_time}"  # noqa: S608 (values are parameters)
    sql = f"""
        SELECT * EXCLUDE ({identity}) FROM (
            SELECT * FROM ({once}) JOIN chosen USING ({identity}) WHERE {_OURS}
        )
    """  # noqa: S608 (values are parameters)
    return sql, {name: value for name, value in parameters.items() if name != "until_ns"}


def _put_together(connection: duckdb.DuckDBPyConnection, now_ns: int) -> None:
    """Tables `steps`, `jobs` and `runs`, as `assembly.assemble_runs` puts them together."""
    for sql in (_STEPS, _JOBS, _RUNS):
        connection.execute(sql, {"heard_since_ns": now_ns - CLOSED_AFTER_NS} if sql is _RUNS else None)


def _worst(result: str) -> str:
    """The worst of several results, success where there is none."""
    ranks = " ".join(f"WHEN '{one}' THEN {rank}" for rank, one in enumerate(SEVERITY))
    names = " ".join(f"WHEN {rank} THEN '{one}'" for rank, one in enumerate(SEVERITY))
    return f"CASE min(CASE {result} {ranks} END) {names} ELSE 'success' END"


# Where traces of several senders describe one job, the steps are those of the one that measured most of them.
_STEPS = f"""
    CREATE TEMP TABLE steps AS
    WITH tellers AS (
        SELECT run, job_name, trace_id FROM told WHERE kind = '{SpanKind.STEP}' AND many_tellers
        GROUP BY run, job_name, trace_id
        QUALIFY row_number() OVER (
            PARTITION BY run, job_name ORDER BY count(cpu_user_s) DESC, count(*) DESC, trace_id
        ) = 1
    )
    SELECT *, {_CPU_S} AS cpu_s FROM told
    WHERE kind = '{SpanKind.STEP}' AND (
        NOT many_tellers OR (run, job_name, trace_id) IN (SELECT (run, job_name, trace_id) FROM tellers)
    )
"""  # noqa: S608 (constants)
_JOBS = f"""
    CREATE TEMP TABLE jobs AS
    WITH spans AS (
        SELECT * FROM told WHERE kind = '{SpanKind.JOB}'
        QUALIFY row_number() OVER (PARTITION BY run, job_name ORDER BY {_STANDING}) = 1
    ), totals AS (
        SELECT run, job_name, count(*) AS steps, sum(cpu_s) AS cpu_s, min(start_ns) AS start_ns,
            max(end_ns) AS end_ns, any_value(job_id) AS job_id, any_value(worker) AS worker,
            any_value(runner_labels) AS runner_labels, {_worst("result")} AS result
        FROM steps GROUP BY run, job_name
    )
    SELECT run, job_name,
        coalesce(s.job_id, t.job_id) AS job_id, coalesce(s.start_ns, t.start_ns) AS start_ns,
        coalesce(s.end_ns, t.end_ns) AS end_ns, coalesce(s.result, t.result) AS result, s.state,
        CASE WHEN s.span_id IS NULL THEN t.worker ELSE s.worker END AS worker,
        CASE WHEN s.span_id IS NULL THEN t.runner_labels ELSE s.runner_labels END AS runner_labels,
        -- greatest() alone takes null for nothing said, and would answer 0.
        CASE WHEN s.queued_ns IS NOT NULL THEN greatest(0, (s.start_ns - s.queued_ns) / 1e9) END AS queue_s,
        coalesce(t.steps, 0) AS steps, t.cpu_s,
        t.end_ns - s.end_ns AS ahead_ns, s.start_ns - t.start_ns AS behind_ns,
        -- What `clock_skew.clock_offset_ns` does.
        CASE WHEN s.source NOT IN ({_PROVIDERS}) OR s.state IS NOT NULL OR s.source IS NULL THEN 0
            WHEN greatest(ahead_ns, behind_ns) <= {TOLERATED_NS} THEN 0
            WHEN ahead_ns > 0 AND behind_ns > 0 THEN floor((ahead_ns - behind_ns) / 2)::BIGINT
            WHEN ahead_ns > 0 THEN ahead_ns ELSE -behind_ns END AS clock_offset_ns
    FROM spans s FULL JOIN totals t USING (run, job_name)
"""  # noqa: S608 (constants)
_RUNS = f"""
    CREATE TEMP TABLE runs AS
    WITH spans AS (
        SELECT * FROM told WHERE kind = '{SpanKind.RUN}'
        QUALIFY row_number() OVER (PARTITION BY run ORDER BY {_STANDING}) = 1
    ), known AS (
        SELECT run, any_value(pipeline) AS pipeline, any_value(ref) AS ref, any_value("commit") AS commit,
            any_value(event) AS event, any_value(actor) AS actor, any_value(change) AS change
        FROM told GROUP BY run
    ), totals AS (
        SELECT run, count(*) AS jobs, sum(cpu_s) AS cpu_s, min(start_ns) AS start_ns, max(end_ns) AS end_ns,
            {_worst("result")} AS result
        FROM jobs GROUP BY run
    )
    SELECT run, {", ".join(_IDENTITY)},
        coalesce(s.pipeline, k.pipeline) AS pipeline, coalesce(s.ref, k.ref) AS ref,
        coalesce(s.commit, k.commit) AS commit, k.event, k.actor, k.change,
        CASE WHEN s.span_id IS NULL THEN t.start_ns ELSE s.start_ns END AS start_ns,
        CASE WHEN s.span_id IS NULL THEN t.end_ns ELSE s.end_ns END AS end_ns,
        coalesce(s.result, t.result) AS result,
        CASE WHEN s.span_id IS NOT NULL THEN s.state
            WHEN provider <> '{PLAIN}' AND t.end_ns >= $heard_since_ns THEN '{RunState.EXECUTING}' END AS state,
        coalesce(t.jobs, 0) AS jobs, t.cpu_s
    FROM chosen JOIN known k USING (run) LEFT JOIN spans s USING (run) LEFT JOIN totals t USING (run)
"""  # noqa: S608 (constants)
