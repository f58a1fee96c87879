"""Tests and file accesses of steps, read back from the raw spans the store keeps of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from makespan_collector.otlp.evidence import decode_file_accesses, decode_test_run
from makespan_collector.store.embedded.queries import Place, fetch, query
from makespan_collector.store.rows import SpanKind
from makespan_collector.store.schema import SPANS
from makespan_model.evidence import FileAccesses, TestRun


def tests(root: Place, trace_ids: Collection[str], step_span_id: str | None) -> list[TestRun]:
    """See `Store.tests`."""
    if not trace_ids:
        return []
    conditions = [f"trace_id IN ({', '.join('?' * len(trace_ids))})"]
    parameters = list(trace_ids)
    if step_span_id is not None:
        conditions.append("parent_span_id = ?")
        parameters.append(step_span_id)
    rows = _spans(root, SpanKind.TEST, conditions, parameters)
    runs = [decode_test_run(Span.FromString(row["raw"]), row["trace_id"], row["parent_span_id"]) for row in rows]
    return sorted(runs, key=lambda run: (run.trace_id, run.step_span_id, run.suite, run.class_name, run.name))


def file_accesses(root: Place, trace_id: str, span_id: str) -> FileAccesses | None:
    """See `Store.file_accesses`."""
    rows = _spans(root, SpanKind.FILES, ["trace_id = ?", "parent_span_id = ?"], [trace_id, span_id])
    return decode_file_accesses(Span.FromString(rows[-1]["raw"])) if rows else None


def _spans(root: Place, kind: SpanKind, conditions: Sequence[str], parameters: Sequence[str]) -> list[dict[str, Any]]:
    sql = f"""
        SELECT trace_id, parent_span_id, raw FROM rows WHERE kind = '{kind}' AND {" AND ".join(conditions)}
        QUALIFY row_number() OVER (PARTITION BY trace_id, span_id ORDER BY seq DESC) = 1
        ORDER BY seq
    """  # noqa: S608 (values are parameters)
    return query(root, SPANS, lambda connection: fetch(connection, sql, parameters))
