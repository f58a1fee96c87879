"""The embedded store: a directory of Arrow logs and Parquet segments, one writer, any number of readers."""

from __future__ import annotations

import logging
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
from makespan_collector.store.embedded.compaction import compact_table, remove_superseded
from makespan_collector.store.embedded.group_commit import GroupCommit
from makespan_collector.store.embedded.log_segment import LogWriter, repair_log
from makespan_collector.store.embedded.retention import Pruned
from makespan_collector.store.embedded.segments import list_segments, log_path, table_files
from makespan_collector.store.embedded.series_queries import Chosen
from makespan_collector.store.embedded.writer_lock import WriterLock
from makespan_collector.store.rows import SpanRow
from makespan_collector.store.schema import (
    SAMPLES,
    SEQUENCE_SHIFT,
    SPANS,
    SUMMARIES,
    TABLES,
    Samples,
    Spans,
    TableSchema,
    joined_batch,
)
from makespan_model.errors import MakespanError, UnavailableError
from makespan_model.evidence import FileAccesses, TestRun
from makespan_model.records import PipelineRun, Sample

LOCK_FILE = "writer.lock"
# A query reads the logs whole, so they are kept to a few tens of megabytes in all.
_LOG_LIMIT_BYTES = 8 * 1024 * 1024
_LOGS_BEFORE_COMPACTION = 4

_log = logging.getLogger(__name__)

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
            self._logs = {table.name: _TableLog(root, table, self._writing) for table in TABLES}
        except BaseException:
            self._lock.release()
            raise
        self._closed = False
        self._compacting = threading.Lock()
        self._compactions = 0
        self._compaction_s = 0.0
        self._commits: GroupCommit[_Rows] = GroupCommit(self._commit)

    def append(self, *, spans: Spans = (), samples: Samples = ()) -> None:
        """See `Store.append`."""
        if not len(spans) and not len(samples):
            return
        self._commits.submit((spans, samples))
        if any(log.closed_logs >= _LOGS_BEFORE_COMPACTION for log in self._logs.values()):
            self._start_compaction()

    def compact(self) -> None:
        """See `Store.compact`."""
        with self._compacting:
            with self._writing:
                self._raise_if_closed()
                for log in self._logs.values():
                    log.rotate()
            self._compact_logs()

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
            self._compactions,
            self._compaction_s,
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
            with self._compacting:
                samples += retention.remove_rows(self._root, SAMPLES, steps)
        if runs_before_ns is not None:
            runs = retention.old_runs(self._root, runs_before_ns)
            with self._compacting:
                samples += retention.remove_rows(self._root, SAMPLES, runs)
                retention.remove_rows(self._root, SUMMARIES, runs)
                spans += retention.remove_rows(self._root, SPANS, runs)
        return Pruned(samples, spans, summarised)

    def close(self) -> None:
        """Stop writing, after a compaction under way; everything acknowledged is on the disk already."""
        with self._compacting, self._writing:
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

    def _start_compaction(self) -> None:
        """Compact the closed logs beside the appends, unless that is being done."""
        if not self._compacting.acquire(blocking=False):
            return
        try:
            # Not a daemon: the interpreter waits for it, and `_compacting` is held until it has ended.
            threading.Thread(target=self._compact_beside, name="makespan-compaction").start()
        except RuntimeError as error:
            self._compacting.release()
            _log.warning("compaction of %s has to wait: %s", self._root, error)

    def _compact_beside(self) -> None:
        try:
            self._compact_logs()
        except (OSError, MakespanError) as error:
            _log.warning("compaction of %s failed, nothing is lost: %s", self._root, error)
        finally:
            self._compacting.release()

    def _compact_logs(self) -> None:
        """Compact the closed logs of every table; `_compacting` is held."""
        started_s = time.monotonic()
        for log in self._logs.values():
            log.compact()
        self._compactions += 1
        self._compaction_s += time.monotonic() - started_s

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise UnavailableError(f"the store {self._root} is closed")


class _TableLog:
    """The segment of one table that is being written.

    Args:
        writing: The store's lock, which is held around every call but `compact`.
    """

    def __init__(self, root: Path, table: TableSchema, writing: threading.Lock) -> None:
        self._root = root
        self._table = table
        self._writing = writing
        self._writer: LogWriter | None = None
        remove_superseded(root, table)
        listing = list_segments(root / table.name)
        for segment in listing.logs:
            if repair_log(segment.path, table.columns, table.first_columns):
                _log.warning("%s ended in the middle of a write, which was not acknowledged; cut off", segment.path)
        self._number = listing.last_number
        self.closed_logs = len(listing.logs)

    def next_seq(self) -> int:
        """The sequence number of the first row of the next batch."""
        if self._writer is None:
            self._number += 1
            try:
                self._writer = LogWriter(log_path(self._root / self._table.name, self._number), self._table.columns)
            except OSError as error:
                raise self._unavailable(error) from error
        return (self._number << SEQUENCE_SHIFT) + self._writer.rows

    def append(self, parts: Sequence[Spans | Samples]) -> None:
        """Write all parts as one frame."""
        if not any(len(part) for part in parts):
            return
        batch = joined_batch(self._table, parts, self.next_seq())
        assert self._writer is not None
        assert batch is not None
        try:
            self._writer.append(batch)
        except OSError as error:
            # After a failed flush the kernel may have dropped dirty pages: this file is not written to again.
            self.rotate()
            raise self._unavailable(error) from error
        if self._writer.size_bytes >= _LOG_LIMIT_BYTES:
            self.rotate()

    def rotate(self) -> None:
        """Close the log that is being written; the next append starts another."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self.closed_logs += 1

    def compact(self) -> None:
        """Compact the closed logs; appends may go on meanwhile."""
        with self._writing:
            first_open = self._number if self._writer is not None else self._number + 1
        compact_table(self._root, self._table, below=first_open)
        with self._writing:
            logs = list_segments(self._root / self._table.name).logs
            self.closed_logs = len(logs) - (self._writer is not None)

    def _unavailable(self, error: OSError) -> UnavailableError:
        return UnavailableError(f"cannot write to the store {self._root}: {error.strerror or error}")
