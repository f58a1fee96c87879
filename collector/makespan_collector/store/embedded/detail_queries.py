"""Whole traces of the embedded store, row by row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import duckdb

from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.queries import Place, fetch, query
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_collector.store.schema import SPANS
from makespan_model.records import CacheOutcome, MemoryPeakSource, PressureSource, Result, RunState, StepKind

_WORDS = {
    "kind": SpanKind,
    "step_kind": StepKind,
    "result": Result,
    "memory_peak_source": MemoryPeakSource,
    "pressure_source": PressureSource,
    "state": RunState,
    "cache_outcome": CacheOutcome,
}
_LISTS = ("needs", "runner_labels")


def details(root: Place, trace_ids: Collection[str]) -> list[SpanRow]:
    """See `Store.details`."""
    if not trace_ids:
        return []
    marks = ", ".join("?" * len(trace_ids))
    sql = f"""
        FROM ({merged_rows(SPANS, where=f"trace_id IN ({marks})")}) ORDER BY trace_id, start_ns, span_id
    """

    def ask(connection: duckdb.DuckDBPyConnection) -> list[SpanRow]:
        return [_row(values) for values in fetch(connection, sql, list(trace_ids))]

    return query(root, SPANS, ask)


def _row(values: Mapping[str, Any]) -> SpanRow:
    found = {name: value for name, value in values.items() if name != "seq" and value is not None}
    found |= {name: words(found[name]) for name, words in _WORDS.items() if name in found}
    found |= {name: tuple(found[name]) for name in _LISTS if name in found}
    return SpanRow(**found)
