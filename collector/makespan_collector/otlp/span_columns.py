"""Spans of a large OTLP trace export request straight into columns.

Gives what `traces.decode_traces` gives, some ten times as fast: a test compares the two. Whatever is unusual about
a span (a test case, a wrong id, an attribute of another type) sends that span, alone, to the row decoder, which
also says why it is rejected.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from makespan_collector.otlp.attribute_columns import AttributeColumns, Mask
from makespan_collector.otlp.attributes import (
    MAX_ATTRIBUTES,
    Attributes,
    RejectedError,
    amount,
    decode_attributes,
    small_whole,
    text,
    texts,
    whole,
)
from makespan_collector.otlp.emitters.conventions import OWN_KEYS
from makespan_collector.otlp.emitters.registry import emits
from makespan_collector.otlp.reduced_messages import ReducedRequest, span_table
from makespan_collector.otlp.traces import decode_span, with_emitters_placed
from makespan_collector.store.rows import RUN_TREE, SpanKind, SpanRow
from makespan_collector.store.schema import SPANS, empty_column, unnumbered_batch
from makespan_model import vocabulary as names
from makespan_model.executable_usage import parse_executables
from makespan_model.records import CacheOutcome, MemoryPeakSource, PressureSource, Result, RunState, StepKind

_INT64_MAX = 2**63 - 1
_INT32_MAX = 2**31 - 1
_TREE_KINDS = [kind.value for kind in RUN_TREE]


@dataclass(frozen=True, slots=True)
class DecodedSpanColumns:
    """What a request held.

    Attributes:
        batch: Columns of `schema.SPANS` without `seq`; the unusual spans come last.
        unusual: How many spans the row decoder had to look at.
        rejected: Spans that cannot be kept.
        reason: Why the first of them cannot.
        foreign_traces: See `traces.DecodedSpans`.
    """

    batch: pa.RecordBatch
    unusual: int
    rejected: int
    reason: str
    foreign_traces: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Group:
    """What the spans of one scope share."""

    resource: Attributes
    scope: str


def decode_span_columns(*requests: bytes) -> DecodedSpanColumns:
    """Decode serialized `ExportTraceServiceRequest`s that protobuf has accepted already."""
    spans: list[bytes] = []
    groups: list[_Group] = []
    counts: list[int] = []
    for resource_spans in chain.from_iterable(ReducedRequest.FromString(data).resource_spans for data in requests):
        resource = decode_attributes(Resource.FromString(resource_spans.resource).attributes)
        for scope_spans in resource_spans.scope_spans:
            spans += scope_spans.spans
            groups.append(_Group(resource, InstrumentationScope.FromString(scope_spans.scope).name))
            counts.append(len(scope_spans.spans))
    group_of = np.repeat(np.arange(len(groups)), counts)
    raw = pa.array(spans, pa.binary())
    batch, odd = _Columns(span_table(raw), raw, groups, group_of).batch()
    rows: list[SpanRow] = []
    rejected, reason = 0, ""
    for number in np.flatnonzero(odd):
        span, group = Span.FromString(spans[number]), groups[group_of[number]]
        try:
            rows.append(decode_span(span, group.resource, group.scope))
        except RejectedError as error:
            rejected += 1
            reason = reason or f"span {span.name!r}: {error}"
    rows, foreign_traces = with_emitters_placed(rows)
    if rows:
        joined = pa.Table.from_batches([batch, unnumbered_batch(SPANS, rows)]).combine_chunks()
        batch = joined.to_batches()[0]
    return DecodedSpanColumns(batch, int(odd.sum()), rejected, reason, foreign_traces)


class _Columns:
    def __init__(
        self, table: pa.RecordBatch, raw: pa.Array, groups: list[_Group], group_of: npt.NDArray[np.intp]
    ) -> None:
        self._table = table
        self._raw = raw
        self._count = len(raw)
        self._groups = groups
        self._group_of = group_of
        resources = [group.resource for group in groups]
        self._attributes = AttributeColumns(table.column("attributes"), resources, group_of)
        self._found: dict[str, Any] = {}

    def batch(self) -> tuple[pa.RecordBatch, Mask]:
        odd = self._attributes.odd
        odd |= np.diff(self._table.column("attributes").offsets.to_numpy()) > MAX_ATTRIBUTES
        self._ids_and_times()
        kind = self._attributes.texts(names.SPAN_TYPE, text)
        if kind is None:
            kind = pa.nulls(self._count, pa.string())
        odd |= _true(pc.invert(pc.is_in(kind, value_set=pa.array([*_TREE_KINDS, None], pa.string()))))
        self._found["kind"] = pc.fill_null(kind, SpanKind.DETAIL.value)
        in_tree = _true(pc.is_valid(kind))
        odd |= ~in_tree & self._of_emitters()
        self._found["name"] = self._table.column("name")
        repository = self._attributes.texts(names.REPOSITORY, text)
        if repository is not None:
            self._found["repository"] = repository
        if in_tree.any():
            self._tree(in_tree, kind)
        chosen = [
            _as(self._found[field.name], field.type)
            if field.name in self._found
            else empty_column(self._count, field.type)
            for field in list(SPANS.columns)[1:]
        ]
        batch = pa.RecordBatch.from_arrays(chosen, names=SPANS.columns.names[1:])
        return (batch.filter(pa.array(~odd)) if odd.any() else batch), odd

    def _of_emitters(self) -> Mask:
        """Spans which another emitter's module reads, unless they say of themselves what they are."""
        emits_all = np.array([emits(group.resource, group.scope) for group in self._groups], dtype=bool)
        own = self._attributes.having(OWN_KEYS)
        return emits_all[self._group_of] | own if emits_all.any() else own

    def _ids_and_times(self) -> None:
        odd = self._attributes.odd
        for column, size in (("trace_id", 16), ("span_id", 8), ("parent_span_id", 8)):
            digits, sound, empty = _hexadecimal(self._table.column(column), size)
            if column == "parent_span_id":
                odd |= ~(sound | empty)
                self._found[column] = digits if sound.all() else pc.if_else(pa.array(sound), digits, None)
            else:
                odd |= ~sound
                self._found[column] = digits
        start = self._table.column("start_time_unix_nano").to_numpy()
        end = self._table.column("end_time_unix_nano").to_numpy()
        odd |= (start == 0) | (end > _INT64_MAX) | (end < start)
        self._found["start_ns"] = pa.array(start.view(np.int64))
        self._found["end_ns"] = pa.array(end.view(np.int64))
        self._found["raw"] = self._raw

    def _tree(self, in_tree: Mask, kind: Any) -> None:
        attributes = self._attributes
        in_step = _true(pc.equal(kind, SpanKind.STEP.value))
        is_job = _true(pc.equal(kind, SpanKind.JOB.value))
        is_run = _true(pc.equal(kind, SpanKind.RUN.value))
        in_job = in_step | is_job
        self._required("provider", names.PROVIDER, in_tree)
        repository = self._found.get("repository")
        attributes.odd |= in_tree if repository is None else in_tree & _true(pc.is_null(repository))
        self._required("run_id", names.PIPELINE_RUN_ID, in_tree)
        self._required("pipeline", names.PIPELINE_NAME, in_tree)
        attempt = attributes.wholes(names.RUN_ATTEMPT, small_whole, pa.int32(), _INT32_MAX)
        ones = pa.array(np.ones(self._count, np.int32))
        self._put("attempt", ones if attempt is None else _first_try(attempt), in_tree)
        task = attributes.texts(names.TASK_NAME, text)
        if task is not None:
            self._found["name"] = pc.coalesce(_only(task, in_tree), self._found["name"])
        self._put("ref", attributes.texts(names.REF_HEAD_NAME, text), in_tree)
        self._put("commit", attributes.texts(names.REF_HEAD_REVISION, text), in_tree)
        self._put("event", attributes.texts(names.RUN_EVENT, text), in_tree)
        self._put("actor", attributes.texts(names.RUN_ACTOR, text), in_tree)
        self._put("change", attributes.texts(names.CHANGE_ID, text), in_tree)
        self._put("source", pa.array(["otlp"]).take(pa.array(np.zeros(self._count, np.int8))), in_tree)
        self._results(in_job, is_run)
        if is_run.any():
            self._put("state", attributes.words(names.PIPELINE_RUN_STATE, text, list(RunState)), is_run)
        if in_job.any():
            self._job(in_job, is_job)
        if in_step.any():
            self._step(in_step)

    def _job(self, in_job: Mask, is_job: Mask) -> None:
        attributes = self._attributes
        job_id = attributes.texts(names.JOB_ID, text)
        job_name = attributes.texts(names.JOB_NAME, text)
        nothing = pa.nulls(self._count, pa.string())
        known = [column for column in (job_name, job_id) if column is not None] or [nothing]
        label = pc.coalesce(*known)
        attributes.odd |= in_job & _true(pc.is_null(label))
        self._put("job_name", label, in_job)
        self._put("job_id", label if job_id is None else pc.coalesce(job_id, label), in_job)
        self._put("worker", attributes.texts(names.WORKER_NAME, text), in_job)
        self._put("job_run_id", attributes.texts(names.JOB_RUN_ID, text), in_job)
        self._put("runner_labels", attributes.lists(names.JOB_RUNNER_LABELS, texts), in_job)
        if is_job.any():
            self._put("needs", attributes.lists(names.JOB_NEEDS, texts), is_job)
            self._put("queued_ns", attributes.wholes(names.JOB_QUEUED_NS, whole, pa.int64(), _INT64_MAX), is_job)

    def _step(self, in_step: Mask) -> None:
        attributes = self._attributes
        small = partial(attributes.wholes, reader=small_whole, kind=pa.int32(), maximum=_INT32_MAX)
        self._required("step_path", names.STEP_PATH, in_step)
        self._put("step_index", small(names.STEP_INDEX), in_step)
        self._put("exit_code", small(names.PROCESS_EXIT_CODE), in_step)
        kind = attributes.words(names.STEP_KIND, text, list(StepKind))
        usual = pa.array([StepKind.RUN.value]).take(pa.array(np.zeros(self._count, np.int8)))
        self._put("step_kind", usual if kind is None else pc.coalesce(kind, usual), in_step)
        for column, key in names.USAGE_AMOUNTS.items():
            self._put(column, attributes.amounts(key, amount), in_step)
        for column, key in names.USAGE_COUNTS.items():
            self._put(column, attributes.wholes(key, whole, pa.int64(), _INT64_MAX), in_step)
        for column, key, words in (
            ("memory_peak_source", names.MEMORY_PEAK_SOURCE, MemoryPeakSource),
            ("pressure_source", names.PRESSURE_SOURCE, PressureSource),
            ("cache_outcome", names.CACHE_OUTCOME, CacheOutcome),
        ):
            self._put(column, attributes.words(key, text, list(words)), in_step)
        executables = attributes.texts(names.PROCESSES, text)
        if executables is not None:
            attributes.odd |= in_step & _unparsable(executables)
            self._put("executables", executables, in_step)

    def _results(self, in_job: Mask, is_run: Mask) -> None:
        attributes = self._attributes
        code = self._table.column("status").field(0)
        failed = pc.fill_null(pc.equal(code, Status.STATUS_CODE_ERROR), False)
        result = pc.if_else(failed, Result.FAILURE.value, Result.SUCCESS.value)
        url: Any = pa.nulls(self._count, pa.string())
        for spans, result_key, url_key in (
            (in_job, names.TASK_RUN_RESULT, names.TASK_RUN_URL),
            (is_run, names.PIPELINE_RESULT, names.PIPELINE_RUN_URL),
        ):
            if spans.any():
                said = attributes.words(result_key, text, list(Result))
                result = result if said is None else pc.coalesce(_only(said, spans), result)
                place = attributes.texts(url_key, text)
                url = url if place is None else pc.coalesce(_only(place, spans), url)
        self._put("result", result, in_job | is_run)
        self._put("url", url, in_job | is_run)

    def _required(self, column: str, key: str, spans: Mask) -> None:
        found = self._attributes.texts(key, text)
        if found is None:
            self._attributes.odd |= spans
        else:
            self._attributes.odd |= spans & _true(pc.is_null(found))
            self._put(column, found, spans)

    def _put(self, column: str, values: Any, spans: Mask) -> None:
        if values is not None:
            self._found[column] = _only(values, spans)


def _only(values: Any, spans: Mask) -> Any:
    return values if spans.all() else pc.if_else(pa.array(spans), values, None)


def _as(values: Any, kind: Any) -> Any:
    return values if values.type == kind else values.cast(kind)


def _true(values: Any) -> Mask:
    found: Mask = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return found


def _first_try(attempt: Any) -> Any:
    """Attempts count from 1; a sender that says nothing, or 0, means the first."""
    return pc.if_else(pc.greater(pc.fill_null(attempt, 0), 0), attempt, 1)


def _unparsable(executables: Any) -> Mask:
    odd = np.zeros(len(executables), dtype=bool)
    for number, value in enumerate(executables.to_pylist()):
        try:
            parse_executables(value or "[]")
        except ValueError:
            odd[number] = True
    return odd


def _hexadecimal(ids: Any, size: int) -> tuple[pa.Array, Mask, Mask]:
    """Ids as text, which of them are of the right size and not all zero, and which are empty."""
    count = len(ids)
    if not count:
        return pa.array([], pa.string()), np.zeros(0, bool), np.zeros(0, bool)
    offsets = np.frombuffer(ids.buffers()[1], np.int32, count + ids.offset + 1)[ids.offset :]
    data = np.frombuffer(ids.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    starts = offsets - offsets[0]
    lengths = np.diff(offsets)
    empty: Mask = lengths == 0
    sound: Mask = lengths == size
    if (sound | empty).all():
        sound[sound] = data.reshape(-1, size).any(axis=1)
    else:
        sound &= np.array([data[start:end].any() for start, end in pairwise(starts)])
    digits = pa.py_buffer(data.tobytes().hex().encode())
    return pa.StringArray.from_buffers(count, pa.py_buffer(2 * starts), digits), sound, empty
