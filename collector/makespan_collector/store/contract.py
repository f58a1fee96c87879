"""What every store can do, whatever holds the data."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, TypeAlias, TypedDict, Unpack, runtime_checkable

import pyarrow as pa

from makespan_collector.store.rows import SpanRow
from makespan_collector.store.schema import Samples, Spans
from makespan_model.evidence import FileAccesses, TestRun
from makespan_model.records import PipelineRun, Sample


@dataclass(frozen=True, slots=True)
class PipelineSummary:
    """One pipeline of one repository, and how much is known of it."""

    repository: str
    pipeline: str
    runs: int
    first_start_ns: int
    last_start_ns: int


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The files of one table: logs that are appended to or wait, compacted segments, and their size."""

    name: str
    logs: int
    segments: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How a store that is being written does; cheap enough to be asked every second.

    Attributes:
        tables: Their files.
        closed_logs: Logs that wait to be compacted.
        compactions: Ended since the store was opened.
        compaction_s: What they took.
        problem: Why it cannot be written; None when it can.
    """

    tables: tuple[TableFiles, ...]
    closed_logs: int
    compactions: int
    compaction_s: float
    problem: str | None


@runtime_checkable
class ReportsStatus(Protocol):
    """A store that says how it does."""

    def status(self) -> StoreStatus:
        """How it does now; raises nothing."""


@runtime_checkable
class ReadsManySamples(Protocol):
    """A store that reads the samples of whole traces at once; others are asked step by step."""

    def samples_of(self, trace_ids: Collection[str]) -> dict[tuple[str, str], list[Sample]]:
        """The readings of every step of these traces by trace and span id, each as `Store.samples` answers."""


PipelineKey: TypeAlias = tuple[str, str]
"""Repository and name of a pipeline."""


@dataclass(frozen=True, slots=True)
class PipelineMark:
    """What changes whenever something new is kept of a pipeline, however old it is, or something old is taken away.

    Attributes:
        last_row: Number of the row that came last.
        first_start_ns: Start of the oldest span that is left.
        rows: How many there are, those counted twice that were sent twice; says how much there is to read, and no more.
    """

    last_row: int
    first_start_ns: int
    rows: int = field(compare=False)


@runtime_checkable
class ReadsManyPipelines(Protocol):
    """A store that reads the runs of many pipelines at once; others are asked pipeline by pipeline."""

    def runs_of(
        self, pipelines: Collection[PipelineKey], *, limit: int | None = None
    ) -> dict[PipelineKey, list[PipelineRun]]:
        """The runs of each of these pipelines, as `Store.runs` answers; `limit` keeps the newest of each."""

    def pipeline_marks(self) -> dict[PipelineKey, PipelineMark]:
        """How far the history of every pipeline goes, in order of repository and name."""


class Narrowing(TypedDict, total=False):
    """Which runs a question is about: those that match every one given; None does not narrow.

    Attributes:
        since_ns: Runs whose first span started then or later.
        until_ns: Runs whose first span started earlier.
    """

    repository: str | None
    pipeline: str | None
    since_ns: int | None
    until_ns: int | None


class Store(Protocol):
    """History of runs and samples."""

    def append(self, *, spans: Spans = (), samples: Samples = ()) -> None:
        """Keep rows; returns only when they would survive `kill -9` and loss of power.

        Args:
            spans: Rows, or a batch with exactly the columns of `schema.SPANS` but `seq`, in their order.
            samples: The same for `schema.SAMPLES`.

        Raises:
            UnavailableError: Nothing was kept (disk full, store closed); the same call may work later.
        """

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
        """Runs that match every filter given, oldest first; `limit` keeps the newest.

        A job of which only steps are known spans its steps, a run of which only jobs are known its jobs. Whether
        such a run may still go on is decided by `assembly.assemble_runs`.
        `since_ns` leaves out runs whose first span started earlier, `until_ns` those in which it started then or later.
        """

    def run_series(self, **narrowed: Unpack[Narrowing]) -> pa.Table:
        """One row a run, oldest first, in the columns of `series.RUN_SERIES`."""

    def job_series(self, **narrowed: Unpack[Narrowing]) -> pa.Table:
        """One row a job of each of these runs: `series.JOB_SERIES`."""

    def step_series(self, **narrowed: Unpack[Narrowing]) -> pa.Table:
        """One row a step of each of these runs: `series.STEP_SERIES`."""

    def sample_quantiles(
        self,
        *,
        quantiles: Sequence[float] = (0.5, 0.95, 0.99),
        metrics: Sequence[str] = ("cpu_cores", "memory_bytes"),
        **narrowed: Unpack[Narrowing],
    ) -> pa.Table:
        """Quantiles of the samples of all runs of a step, over these runs: `series.quantiles_schema(metrics)`.

        One row a step that has samples left, in order of job id and pooled path. The embedded store's quantiles are
        exact, a server's are within `quantile_sketches.RELATIVE_ERROR` (0.5 %).

        Raises:
            ValueError: A quantile outside of 0 to 1, or a metric that samples do not have.
        """

    def pipelines(self) -> list[PipelineSummary]:
        """Every pipeline, in order of repository and name."""

    def samples(self, trace_id: str, span_id: str) -> list[Sample]:
        """The readings of one step in time order; instants that lack CPU, memory or processes are left out."""

    def tests(self, trace_ids: Collection[str], *, step_span_id: str | None = None) -> list[TestRun]:
        """Test cases of these runs, or of one step of them, ordered by run, step, suite, class and name."""

    def file_accesses(self, trace_id: str, span_id: str) -> FileAccesses | None:
        """The files one step used; None when they were not traced."""

    def details(self, trace_ids: Collection[str]) -> list[SpanRow]:
        """Everything kept of these traces, log records too: each row once, ordered by trace and start."""

    def compact(self) -> None:
        """Rewrite what was appended into the form that is fastest to query; nothing is lost or changed."""

    def close(self) -> None:
        """Release what the store holds; a second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
