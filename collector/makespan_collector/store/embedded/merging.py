"""What several rows of one span say together.

A span is told more than once: sent again after a lost answer, by the agent in the job and by an importer or a
webhook that asked the provider. A later row never takes away what it does not know itself, so each column keeps its
last known value. Three things outrank being later: a row written after the span had ended (it has no `state`), one
written after it had left the queue, and, for runs and jobs, the provider's own word about times and results over what
was derived from within the job.
"""

from __future__ import annotations

from collections.abc import Sequence

from makespan_collector.store.rows import PROVIDER_SOURCES, SpanKind
from makespan_collector.store.schema import SAMPLES, TableSchema
from makespan_model.records import RunState

_RANKED = ("name", "start_ns", "end_ns", "queued_ns", "result")
"""Columns in which ended beats running, running beats waiting, and the provider beats everybody else. The rest is
complete or absent."""
# Sequence numbers stay under 2^59 (2^27 log segments), so a rank of 0 to 7 above them fits 63 bits.
_RANK_SHIFT = 60
_LEFT_QUEUE = f"state IS DISTINCT FROM '{RunState.PENDING}'"
_PROVIDERS_OWN = (
    f"(kind IN ('{SpanKind.RUN}', '{SpanKind.JOB}') "
    f"AND coalesce(source IN ({', '.join(repr(source) for source in PROVIDER_SOURCES)}), false))"
)
_RANK = f"4 * (state IS NULL)::BIGINT + 2 * ({_LEFT_QUEUE})::BIGINT + {_PROVIDERS_OWN}::BIGINT"
"""Odd where the provider says so itself."""


def merged_rows(
    table: TableSchema,
    columns: Sequence[str] | None = None,
    where: str = "",
    rows: str = "rows",
    *,
    settled: bool = False,
) -> str:
    """The SQL that leaves one row of every row that was sent more than once.

    Only keys that occur more than once are put together column by column: nearly all occur once.

    Args:
        table: Whose view `rows` is asked.
        columns: Those wanted; all when None. The key and `seq` need not be named.
        where: A condition on the rows that holds for all rows of a key or for none; empty for all rows.
        rows: The view or table, which has the key, `seq` and the columns wanted.
        settled: Whether they are the spans of the views `settled_rows`, in which no key is twice, and `loose_rows`.
    """
    key = ", ".join(table.key)
    wanted = [name for name in columns or table.columns.names if name not in ("seq", *table.key)]
    values = "".join(f", {_merged(table, name)} AS {name}" for name in wanted)
    plain = ", ".join(("seq", *table.key, *wanted))
    condition = f"WHERE {where}" if where else ""
    # The keys alone are looked at first: a window over whole rows would hold all of them in memory.
    repeated = f"SELECT {key} FROM asked GROUP BY {key} HAVING count(*) > 1"  # noqa: S608 (names are ours)
    if settled:
        loose = f"SELECT {key} FROM loose_rows {condition}"  # noqa: S608 (names are ours)
        repeated = f"""
            {loose} GROUP BY {key} HAVING count(*) > 1
            UNION ALL SELECT {key} FROM (SELECT {key} FROM settled_rows {condition}) SEMI JOIN ({loose}) USING ({key})
        """  # noqa: S608 (names are ours)
    return f"""
        WITH asked AS NOT MATERIALIZED (SELECT * FROM {rows} {condition}), repeated AS MATERIALIZED ({repeated})
        SELECT {plain} FROM asked ANTI JOIN repeated USING ({key})
        UNION ALL BY NAME
        SELECT max(seq) AS seq, {key}{values} FROM asked SEMI JOIN repeated USING ({key}) GROUP BY {key}
    """  # noqa: S608 (names are ours)


def _merged(table: TableSchema, name: str) -> str:
    if table is SAMPLES:
        return f"arg_max({name}, seq)"
    if name == "state":
        rank = f"({_LEFT_QUEUE})::BIGINT * (1::BIGINT << {_RANK_SHIFT})"
        return f"CASE WHEN count(*) FILTER (state IS NULL) > 0 THEN NULL ELSE arg_max(state, {rank} + seq) END"
    if name in _RANKED:
        return f"arg_max({name}, ({_RANK}) * (1::BIGINT << {_RANK_SHIFT}) + seq)"
    if name == "source":
        # What was put together once must keep its rank when more comes later: it is the provider's word still.
        best = f"arg_max(source, ({_RANK}) * (1::BIGINT << {_RANK_SHIFT}) + seq)"
        return f"CASE WHEN max({_RANK}) % 2 = 1 THEN {best} ELSE arg_max(source, seq) FILTER (NOT {_PROVIDERS_OWN}) END"
    return f"arg_max({name}, seq)"
