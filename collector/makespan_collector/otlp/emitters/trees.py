"""Spans of other emitters put into their places: what a span does not say itself it has from those above it.

The spans of one trace may come in any number of requests and any order. Whatever is complete becomes part of its
run; the rest waits as detail, and is looked at again when more of its trace has come.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from makespan_collector.otlp.attributes import Attributes
from makespan_collector.otlp.emitters.emitter import Emitter
from makespan_collector.otlp.emitters.registry import BY_NAME
from makespan_collector.store.contract import Store
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.records import StepKind

_FROM_RUN = ("provider", "repository", "run_id", "attempt", "pipeline", "ref", "commit")
_FROM_JOB = ("job_name", "job_id", "worker", "runner_labels", "job_run_id")
_IDENTITY = ("provider", "repository", "run_id", "attempt", "pipeline")
_MAX_DEPTH: Final = 64
"""Spans above a span that are looked at; also what ends a circle of parents."""
_BEFORE_WAIT_NS: Final = 1_000_000_000
"""A wait that begins within a second of its job is the job's own wait for a runner."""

# What GitHub calls a step that uses an action and has no name of its own.
_ACTION = re.compile(r"(Pre |Post )?(Run )?[\w.-]+/[\w./-]+@[\w./-]+$")

_Key = tuple[str, str]


def told_row(span: Span, row: SpanRow, emitter: Emitter, attributes: Attributes) -> SpanRow:
    """A row with what an emitter's span says by itself; `placed` makes it complete.

    Args:
        span: The span.
        row: Its ids, times and name.
        emitter: Whose it is.
        attributes: Of its resource and its own.
    """
    told = emitter.read(span, attributes)
    columns = {name: value for name, value in told.columns.items() if value not in (None, "")}
    name = columns.get("job_name", row.name) if told.kind is SpanKind.JOB else row.name
    return replace(row, kind=told.kind, name=name, source=emitter.name, **columns)


def is_told_by_emitter(row: SpanRow) -> bool:
    """Whether a row is of an emitter's span."""
    return row.source in BY_NAME


def placed(rows: Sequence[SpanRow]) -> list[SpanRow]:
    """The rows as complete as they can be made of each other, in the same order.

    Args:
        rows: Emitters' spans of any traces, as decoded or as `Store.details` gives them back.
    """
    by_key = {(row.trace_id, row.span_id): row for row in rows}
    # A row that waits as detail is what its columns say.
    kinds = {key: _meant(row) for key, row in by_key.items()}
    above = {key: list(_above(row, by_key)) for key, row in by_key.items()}
    _settle_jobs(by_key, kinds, above)
    waits = _waits(by_key, kinds, above)
    found = {
        key: _completed(row, kinds[key], [(by_key[one], kinds[one]) for one in above[key]], waits.get(key))
        for key, row in by_key.items()
    }
    _tell_paths_apart(found)
    return [found[row.trace_id, row.span_id] for row in rows]


def finish_traces(store: Store, trace_ids: frozenset[str]) -> None:
    """Put into place what of these traces was waiting for what has been appended just now.

    Of two requests that come at once the later to be appended sees both.

    Raises:
        UnavailableError: Nothing was kept of it; the sender's next try does the same again.
    """
    if not trace_ids:
        return
    rows = [row for row in store.details(trace_ids) if is_told_by_emitter(row)]
    changed = [new for old, new in zip(rows, placed(rows), strict=True) if new != old]
    if changed:
        store.append(spans=changed)


def _meant(row: SpanRow) -> SpanKind:
    if row.step_path is not None:
        return SpanKind.STEP
    if row.job_name is not None:
        return SpanKind.JOB
    return SpanKind.RUN if row.kind is SpanKind.RUN else SpanKind.DETAIL


def _above(row: SpanRow, by_key: Mapping[_Key, SpanRow]) -> Iterator[_Key]:
    """The rows above, nearest first; up to the run, as one trace may hold several that started each other."""
    for _ in range(_MAX_DEPTH):
        if row.parent_span_id is None or row.kind is SpanKind.RUN:
            return
        key = (row.trace_id, row.parent_span_id)
        parent = by_key.get(key)
        if parent is None:
            return
        yield key
        row = parent


def _settle_jobs(
    by_key: Mapping[_Key, SpanRow], kinds: dict[_Key, SpanKind], above: Mapping[_Key, Sequence[_Key]]
) -> None:
    """Tasks within tasks are steps; stages around stages only group. Both by what the emitter means by them."""
    for key in [key for key, kind in kinds.items() if kind is SpanKind.JOB]:
        outer = [one for one in above[key] if _meant(by_key[one]) is SpanKind.JOB]
        if outer and _emitter(by_key[key]).nested_jobs is SpanKind.STEP:
            kinds[key] = SpanKind.STEP
        elif outer:
            kinds.update(dict.fromkeys(outer, SpanKind.DETAIL))


def _waits(
    by_key: Mapping[_Key, SpanRow], kinds: Mapping[_Key, SpanKind], above: Mapping[_Key, Sequence[_Key]]
) -> dict[_Key, SpanRow]:
    """For jobs the span of their first wait for a runner."""
    found: dict[_Key, SpanRow] = {}
    for key, row in by_key.items():
        if kinds[key] is not SpanKind.DETAIL or row.queued_ns is None or row.job_name is not None:
            continue
        job = next((one for one in above[key] if kinds[one] is SpanKind.JOB), None)
        if job is not None and (job not in found or row.start_ns < found[job].start_ns):
            found[job] = row
    return found


def _completed(
    row: SpanRow, kind: SpanKind, above: Sequence[tuple[SpanRow, SpanKind]], wait: SpanRow | None
) -> SpanRow:
    if kind is SpanKind.DETAIL:
        return replace(row, kind=kind)
    changes: dict[str, Any] = {}
    for column in _FROM_RUN:
        if getattr(row, column) is None:
            changes[column] = next((value for one, _ in above if (value := getattr(one, column)) is not None), None)
    if kind is SpanKind.STEP:
        changes |= _of_job(row, above)
    if wait is not None and abs(wait.start_ns - row.start_ns) <= _BEFORE_WAIT_NS:
        changes |= {"queued_ns": wait.start_ns, "start_ns": min(max(row.start_ns, wait.end_ns), row.end_ns)}
    completed = replace(row, kind=kind, **changes)
    whole = all(getattr(completed, column) is not None for column in _IDENTITY)
    if not whole or (kind is SpanKind.STEP and completed.job_name is None):
        return replace(completed, kind=SpanKind.DETAIL)
    return completed


def _of_job(row: SpanRow, above: Sequence[tuple[SpanRow, SpanKind]]) -> dict[str, Any]:
    # A step whose task was first taken for a job still has that job's columns: the outer one's are right.
    was_job = row.step_path is None
    # Not a task that has become a step, but a stage that only groups: a step may be right in it.
    jobs = (one for one, kind in above if kind is not SpanKind.STEP and _meant(one) is SpanKind.JOB)
    job = next(jobs, None)
    changes: dict[str, Any] = {"step_path": row.step_path or row.name, "step_kind": _step_kind(row.name)}
    if job is not None:
        for column in _FROM_JOB:
            value = getattr(job, column)
            if was_job or value is not None:
                changes[column] = value
    elif row.job_name is None and above and above[-1][1] is SpanKind.RUN:
        name = _emitter(row).default_job
        changes |= {"job_name": name, "job_id": name}
    return changes


def _step_kind(name: str) -> StepKind:
    return StepKind.USES if _ACTION.match(name) else StepKind.RUN


def _tell_paths_apart(rows: dict[_Key, SpanRow]) -> None:
    """Steps of one name in one job: the second is `name (2)`, in order of their starts."""
    steps: dict[tuple[str | None, ...], list[_Key]] = defaultdict(list)
    for key, row in rows.items():
        if row.step_path is not None:
            steps[row.trace_id, row.run_id, row.job_name, row.name].append(key)
    for keys in steps.values():
        keys.sort(key=lambda key: (rows[key].start_ns, key))
        for number, key in enumerate(keys, start=1):
            path = rows[key].name if number == 1 else f"{rows[key].name} ({number})"
            rows[key] = replace(rows[key], step_path=path)


def _emitter(row: SpanRow) -> Emitter:
    return BY_NAME[row.source]
