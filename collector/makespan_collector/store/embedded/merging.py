"""What several rows of one span say together.

A span is told more than once: sent again after a lost answer, by the agent in the job and by an importer or a
webhook that asked the provider. A later row never takes away what it does not know itself, so each column keeps its
last known value. Two things outrank being later: a row written after the span had ended (it has no `state`), and,
for runs and jobs, the provider's own word about times and results over what was derived from within the job.
"""

from __future__ import annotations

from collections.abc import Sequence

from makespan_collector.store.rows import PROVIDER_SOURCES, SpanKind
from makespan_collector.store.schema import SAMPLES, TableSchema

_RANKED = ("name", "start_ns", "end_ns", "result")
"""Columns in which ended beats running, and the provider beats everybody else. The rest is complete or absent."""
# Sequence numbers stay under 2^59 (2^27 log segments), so a rank of 0 to 3 above them fits 62 bits.
_RANK_SHIFT = 60


def merged_rows(table: TableSchema, columns: Sequence[str] | None = None, where: str = "") -> str:
    """The SQL that leaves one row of every row that was sent more than once.

    Only keys that occur more than once are put together column by column: nearly all occur once.

    Args:
        table: Whose view `rows` is asked.
        columns: Those wanted; all when None. The key and `seq` need not be named.
        where: A condition on the rows that holds for all rows of a key or for none; empty for all rows.
    """
    key = ", ".join(table.key)
    wanted = [name for name in columns or table.columns.names if name not in ("seq", *table.key)]
    values = ", ".join(f"{_merged(table, name)} AS {name}" for name in wanted)
    plain = ", ".join(("seq", *table.key, *wanted))
    condition = f"WHERE {where}" if where else ""
    return f"""
        WITH counted AS (SELECT *, count(*) OVER (PARTITION BY {key}) AS copies FROM rows {condition})
        SELECT {plain} FROM counted WHERE copies = 1
        UNION ALL BY NAME
        SELECT max(seq) AS seq, {key}, {values} FROM counted WHERE copies > 1 GROUP BY {key}
    """  # noqa: S608 (names are ours)


def _merged(table: TableSchema, name: str) -> str:
    if table is SAMPLES:
        return f"arg_max({name}, seq)"
    if name == "state":
        return "CASE WHEN count(*) FILTER (state IS NULL) > 0 THEN NULL ELSE arg_max(state, seq) END"
    if name in _RANKED:
        sources = ", ".join(f"'{source}'" for source in PROVIDER_SOURCES)
        kinds = f"'{SpanKind.RUN}', '{SpanKind.JOB}'"
        rank = f"2 * (state IS NULL)::BIGINT + (kind IN ({kinds}) AND coalesce(source IN ({sources}), false))::BIGINT"
        return f"arg_max({name}, ({rank}) * (1::BIGINT << {_RANK_SHIFT}) + seq)"
    return f"arg_max({name}, seq)"
