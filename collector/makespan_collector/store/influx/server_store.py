"""The store on an InfluxDB server."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self, Unpack

import pyarrow as pa

from makespan_collector.store.contract import Narrowing, PipelineSummary, StoreStatus
from makespan_collector.store.embedded import (
    detail_queries,
    evidence_queries,
    run_queries,
    series_queries,
)
from makespan_collector.store.embedded.series_queries import Chosen
from makespan_collector.store.influx import sample_summaries
from makespan_collector.store.influx.row_source import (
    IDENTITY_COLUMNS,
    SERIES_COLUMNS,
    STEP_KEY_COLUMNS,
    TREE_COLUMNS,
    InfluxRows,
)
from makespan_collector.store.influx.sample_points import sample_lines
from makespan_collector.store.influx.sample_summaries import summary_lines
from makespan_collector.store.influx.server import HISTORY, SAMPLES, Server
from makespan_collector.store.influx.span_points import span_lines
from makespan_collector.store.rows import SpanRow
from makespan_collector.store.schema import Samples, Spans
from makespan_model.errors import MakespanError, UnavailableError
from makespan_model.evidence import FileAccesses, TestRun
from makespan_model.records import PipelineRun, Sample


class InfluxStore:
    """History on a server; any number of processes may write and read.

    Args:
        server: The connection; closed with the store.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._closed = False

    @property
    def server(self) -> Server:
        """The connection."""
        return self._server

    def append(self, *, spans: Spans = (), samples: Samples = ()) -> None:
        """See `Store.append`."""
        if self._closed:
            raise UnavailableError(f"the store {self._server.target.url} is closed")
        if len(spans):
            self._server.write(list(span_lines(spans)), HISTORY)
        if len(samples):
            self._server.write(sample_lines(samples), SAMPLES)
            self._server.write(list(summary_lines(samples)), HISTORY)

    def status(self) -> StoreStatus:
        """See `ReportsStatus.status`: the server keeps the files, so whether it answers is all that is known."""
        problem = "the store is closed" if self._closed else None
        try:
            self._server.ping()
        except MakespanError as error:
            problem = problem or str(error)
        return StoreStatus((), 0, 0, 0.0, problem)

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
        ids = None if run_ids is None else tuple(run_ids)
        rows = InfluxRows(self._server, repository, pipeline, ids, since_ns, until_ns, columns=TREE_COLUMNS)
        if limit is not None and ids is None and until_ns is None:
            rows = rows.newest(limit)
        return run_queries.runs(
            rows,
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
        rows = InfluxRows(self._server, **narrowed, columns=SERIES_COLUMNS)
        return series_queries.run_series(rows, Chosen(**narrowed), now_ns=time.time_ns())

    def job_series(self, **narrowed: Unpack[Narrowing]) -> pa.Table:
        """See `Store.job_series`."""
        rows = InfluxRows(self._server, **narrowed, columns=SERIES_COLUMNS)
        return series_queries.job_series(rows, Chosen(**narrowed), now_ns=time.time_ns())

    def step_series(self, **narrowed: Unpack[Narrowing]) -> pa.Table:
        """See `Store.step_series`."""
        rows = InfluxRows(self._server, **narrowed, columns=SERIES_COLUMNS)
        return series_queries.step_series(rows, Chosen(**narrowed), now_ns=time.time_ns())

    def sample_quantiles(
        self,
        *,
        quantiles: Sequence[float] = (0.5, 0.95, 0.99),
        metrics: Sequence[str] = ("cpu_cores", "memory_bytes"),
        **narrowed: Unpack[Narrowing],
    ) -> pa.Table:
        """See `Store.sample_quantiles`."""
        rows = InfluxRows(self._server, **narrowed, columns=STEP_KEY_COLUMNS)
        steps = series_queries.step_keys(rows, Chosen(**narrowed))
        return sample_summaries.sample_quantiles(self._server, steps, quantiles, metrics)

    def pipelines(self) -> list[PipelineSummary]:
        """See `Store.pipelines`."""
        return run_queries.pipelines(InfluxRows(self._server, columns=IDENTITY_COLUMNS))

    def samples(self, trace_id: str, span_id: str) -> list[Sample]:
        """See `Store.samples`."""
        return run_queries.samples(InfluxRows(self._server, trace_ids=(trace_id,), span_id=span_id), trace_id, span_id)

    def samples_of(self, trace_ids: Collection[str]) -> dict[tuple[str, str], list[Sample]]:
        """See `ReadsManySamples.samples_of`."""
        return run_queries.samples_of(InfluxRows(self._server, trace_ids=tuple(trace_ids)), trace_ids)

    def tests(self, trace_ids: Collection[str], *, step_span_id: str | None = None) -> list[TestRun]:
        """See `Store.tests`."""
        rows = InfluxRows(self._server, trace_ids=tuple(trace_ids), details=True)
        return evidence_queries.tests(rows, trace_ids, step_span_id)

    def file_accesses(self, trace_id: str, span_id: str) -> FileAccesses | None:
        """See `Store.file_accesses`."""
        rows = InfluxRows(self._server, trace_ids=(trace_id,), details=True)
        return evidence_queries.file_accesses(rows, trace_id, span_id)

    def details(self, trace_ids: Collection[str]) -> list[SpanRow]:
        """See `Store.details`."""
        return detail_queries.details(InfluxRows(self._server, trace_ids=tuple(trace_ids), details=True), trace_ids)

    def compact(self) -> None:
        """Do nothing: the server compacts by itself."""

    def close(self) -> None:
        """See `Store.close`."""
        self._closed = True
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
