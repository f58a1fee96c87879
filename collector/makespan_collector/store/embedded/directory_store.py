"""The embedded store: a directory of Arrow logs and Parquet segments, one writer, any number of readers."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

import pyarrow as pa

from makespan_collector.store.contract import Narrowing, PipelineKey, PipelineMark, PipelineSummary, StoreStatus
from makespan_collector.store.embedded import (
    detail_queries,
    evidence_queries,
    fleet_queries,
    retention,
    run_queries,
    sample_queries,
    series_queries,
)
from makespan_collector.store.embedded.background_compaction import BackgroundCompaction
from makespan_collector.store.embedded.group_commit import GroupCommit
from makespan_collector.store.embedded.retention import Pruned
from makespan_collector.store.embedded.segments import table_files
from makespan_collector.store.embedded.series_queries import Chosen
from makespan_collector.store.embedded.table_log import TableLog
from makespan_collector.store.embedded.writer_lock import WriterLock
from makespan_collector.store.rows import SpanRow
from makespan_collector.store.schema import (
    SAMPLES,
    SPANS,
    SUMMARIES,
    TABLES,
    Samples,
    Spans,
)
from makespan_model.errors import UnavailableError
from makespan_model.evidence import FileAccesses, TestRun
from makespan_model.records import PipelineRun, Sample

LOCK_FILE = "writer.lock"
_Rows = tuple[Spans, Samples]


class EmbeddedReader:
    """Queries of a store directory, also while another process writes it.

    Args:
        root: The store's directory; `open_store` has checked it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def append(self, *, spans: Spans = (), samples: Samples = ()) -> None:  # noqa: ARG002
        """Raise: this store was opened for reading."""
        raise UnavailableError(f"{self._root} is open for reading only")

    def runs(
        self,
        *,
        pipeline: str | None = None,
        repository: str | None = None,
        run_ids: Collection[str] | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        limit: int | None = None,
    ) -> list[PipelineRun]:
        """See `Store.runs`."""
        return run_queries.runs(
            self._root,
            pipeline=pipeline,
            repository=repository,
            run_ids=run_ids,
            since_ns=since_ns,
            until_ns=until_ns,
            limit=limit,
            now_ns=time.time_ns(),
        )

    def run_series(self, **narrowed: Unpack[Narrowing]) -> pa.Table:
        """See `Store.run_series`."""
        return series_queries.run_series(self._root, Chosen(**narrowed), now_ns=time.time_ns())

    def job_series(self, **narrowed: Unpack[Narrowing]) -> pa.Table:
        """See `Store.job_series`."""
        return series_queries.job_series(self._root, Chosen(**narrowed), now_ns=time.time_ns())

    def step_series(self, **narrowed: Unpack[Narrowing]) -> pa.Table:
        """See `Store.step_series`."""
        return series_queries.step_series(self._root, Chosen(**narrowed), now_ns=time.time_ns())

    def sample_quantiles(
        self,
        *,
        quantiles: Sequence[float] = (0.5, 0.95, 0.99),
        metrics: Sequence[str] = ("cpu_cores", "memory_bytes"),
        **narrowed: Unpack[Narrowing],
    ) -> pa.Table:
        """See `Store.sample_quantiles`."""
        steps = series_queries.step_keys(self._root, Chosen(**narrowed))
        return sample_queries.sample_quantiles(self._root, steps, quantiles, metrics)

    def pipelines(self) -> list[PipelineSummary]:
        """See `Store.pipelines`."""
        return run_queries.pipelines(self._root)

    def runs_of(
        self, pipelines: Collection[PipelineKey], *, limit: int | None = None
    ) -> dict[PipelineKey, list[PipelineRun]]:
        """See `contract.ReadsManyPipelines`."""
        return fleet_queries.runs_of(self._root, pipelines, limit=limit, now_ns=time.time_ns())

    def pipeline_marks(self) -> dict[PipelineKey, PipelineMark]:
        """See `contract.ReadsManyPipelines`."""
        return fleet_queries.pipeline_marks(self._root)

    def samples(self, trace_id: str, span_id: str) -> list[Sample]:
        """See `Store.samples`."""
        return run_queries.samples(self._root, trace_id, span_id)

    def samples_of(self, trace_ids: Collection[str]) -> dict[tuple[str, str], list[Sample]]:
        """See `contract.ReadsManySamples`."""
        return run_queries.samples_of(self._root, trace_ids)

    def tests(self, trace_ids: Collection[str], *, step_span_id: str | None = None) -> list[TestRun]:
        """See `Store.tests`."""
        return evidence_queries.tests(self._root, trace_ids, step_span_id)

    def file_accesses(self, trace_id: str, span_id: str) -> FileAccesses | None:
        """See `Store.file_accesses`."""
        return evidence_queries.file_accesses(self._root, trace_id, span_id)

    def details(self, trace_ids: Collection[str]) -> list[SpanRow]:
        """See `Store.details`."""
        return detail_queries.details(self._root, trace_ids)

    def compact(self) -> None:
        """Raise: this store was opened for reading."""
        raise UnavailableError(f"{self._root} is open for reading only")

    def close(self) -> None:
        """Do nothing: a reader holds no file open between queries."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class EmbeddedStore(EmbeddedReader):
    """The one writer of a store directory; safe to use from many threads.

    Raises:
        UnavailableError: Another process writes it.
        InputError: A segment is damaged.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._lock = WriterLock(root / LOCK_FILE)
        self._writing = threading.Lock()
        try:
            self._logs = {table.name: TableLog(root, table, self._writing) for table in TABLES}
        except BaseException:
            self._lock.release()
            raise
        self._closed = False
        self._compaction = BackgroundCompaction(root, self._logs, self._writing)
        self._commits: GroupCommit[_Rows] = GroupCommit(self._commit)

    def append(self, *, spans: Spans = (), samples: Samples = ()) -> None:
        """See `Store.append`."""
        if not len(spans) and not len(samples):
            return
        self._commits.submit((spans, samples))

    def compact(self) -> None:
        """See `Store.compact`."""
        with self._compaction.lock:
            with self._writing:
                self._raise_if_closed()
                for log in self._logs.values():
                    log.rotate()
            self._compaction.compact()

    def status(self) -> StoreStatus:
        """See `ReportsStatus.status`."""
        problem = None
        if self._closed:
            problem = "the store is closed"
        elif not self._lock.is_held():
            problem = "the store's directory was replaced or deleted"
        return StoreStatus(
            tuple(table_files(self._root, name) for name in self._logs),
            max(log.closed_logs for log in self._logs.values()),
            self._compaction.compactions,
            self._compaction.compaction_s,
            problem,
        )

    def prune(self, *, samples_before_ns: int | None = None, runs_before_ns: int | None = None) -> Pruned:
        """Take out samples of steps, and whole runs, that ended before; samples are summarised first.

        Raises:
            UnavailableError: A segment could not be read or written; what was done so far stays done.
        """
        self.compact()
        try:
            return self._prune(samples_before_ns, runs_before_ns)
        except OSError as error:
            raise UnavailableError(f"cannot write to the store {self._root}: {error.strerror or error}") from error

    def _prune(self, samples_before_ns: int | None, runs_before_ns: int | None) -> Pruned:
        samples = spans = summarised = 0
        if samples_before_ns is not None:
            steps = retention.old_steps(self._root, samples_before_ns)
            summaries = retention.summaries_of(self._root, steps)
            if len(summaries):
                with self._writing:
                    self._raise_if_closed()
                    self._logs[SUMMARIES.name].append([summaries])
            summarised = len(summaries)
            with self._compaction.lock:
                samples += retention.remove_rows(self._root, SAMPLES, steps)
        if runs_before_ns is not None:
            runs = retention.old_runs(self._root, runs_before_ns)
            with self._compaction.lock:
                samples += retention.remove_rows(self._root, SAMPLES, runs)
                retention.remove_rows(self._root, SUMMARIES, runs)
                spans += retention.remove_rows(self._root, SPANS, runs)
        return Pruned(samples, spans, summarised)

    def close(self) -> None:
        """Stop writing, after a compaction under way; everything acknowledged is on the disk already."""
        self._compaction.stop()
        with self._compaction.lock, self._writing:
            if not self._closed:
                self._closed = True
                for log in self._logs.values():
                    log.rotate()
                self._lock.release()

    def _commit(self, rounds: Sequence[_Rows]) -> None:
        with self._writing:
            self._raise_if_closed()
            self._logs[SPANS.name].append([spans for spans, _ in rounds])
            self._logs[SAMPLES.name].append([samples for _, samples in rounds])
            self._compaction.appended()

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise UnavailableError(f"the store {self._root} is closed")
