"""What one process does: reads the runs of some pipelines in one pass, and analyses one after the other."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import zstandard

from makespan_analytics.findings.evidence import RECENT_RUNS, WEEKS_PER_MONTH
from makespan_analytics.findings.ranking import worth_usd_per_month
from makespan_analytics.fleet.pipeline_chunks import Chunk
from makespan_analytics.fleet.report_json import from_json, to_json
from makespan_analytics.pipeline_report import PipelineReport, analyze_one
from makespan_collector.store.contract import PipelineKey, ReadsManyPipelines, Store
from makespan_model.errors import MakespanError
from makespan_model.records import PipelineRun

_MOST_BYTES = 256 * 1024 * 1024
"""A report of 10,000 steps takes a tenth of it; what says it is larger is no report."""

OpenStore = Callable[[], Store]
"""Opens the store for reading; can be sent to another process."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What every pipeline is analysed with.

    Attributes:
        runs: Newest runs of each pipeline that are looked at; None for all.
        recent_runs: As for `analyze_one`.
        own_usd_per_hour: As for `analyze_one`.
    """

    runs: int | None = None
    recent_runs: int = RECENT_RUNS
    own_usd_per_hour: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.recent_runs < 1 or (self.runs is not None and self.runs < 1):
            raise ValueError("an analysis needs at least one run")


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One pipeline in a table of all.

    Attributes:
        makespan_s: Median of the newest comparable runs.
        usd_per_month: What it costs at list prices; None where no job has a price.
        findings: How many there are.
        worth_usd_per_month: What repairing the first of them would give (`ranking.worth_usd_per_month`).
        saved_s: Seconds of makespan a run that it would save; None when not known, or without a finding.
        advice: The first finding's; None without one.
    """

    repository: str
    pipeline: str
    runs: int
    makespan_s: float
    usd_per_month: float | None
    findings: int
    worth_usd_per_month: float
    saved_s: float | None
    advice: str | None


@dataclass(frozen=True, slots=True)
class PipelineOutcome:
    """What became of one pipeline.

    Attributes:
        row: None when it could not be analysed, or has no runs.
        report: The whole report, as `packed_report` makes it; empty without a row.
        error: Why it could not be analysed; None when it was.
        is_settled: Whether no run of it was still going on, so that the same rows would give the same again.
    """

    key: PipelineKey
    row: FleetRow | None
    report: bytes
    error: str | None
    is_settled: bool


@dataclass(frozen=True, slots=True)
class ChunkAnalysis:
    """The work on a chunk; can be sent to another process."""

    open_store: OpenStore
    options: FleetOptions

    def __call__(self, chunk: Chunk) -> list[PipelineOutcome]:
        """The outcomes of the chunk's pipelines, in their order.

        Raises:
            MakespanError: The store cannot be read.
        """
        with _without_collection(), self.open_store() as store:
            histories = _histories(store, chunk.pipelines, self.options.runs)
            # Taken out one by one, so that no pipeline is held longer than it is looked at.
            return [_outcome(key, histories.pop(key, []), self.options) for key in chunk.pipelines]


@contextmanager
def _without_collection() -> Iterator[None]:
    """Without looking for cycles: records have none, and looking through a million of them takes half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _histories(store: Store, keys: Sequence[PipelineKey], limit: int | None) -> dict[PipelineKey, list[PipelineRun]]:
    if isinstance(store, ReadsManyPipelines):
        return store.runs_of(keys, limit=limit)
    return {key: store.runs(repository=key[0], pipeline=key[1], limit=limit) for key in keys}


def _outcome(key: PipelineKey, runs: Sequence[PipelineRun], options: FleetOptions) -> PipelineOutcome:
    if not runs:
        return PipelineOutcome(key, None, b"", None, is_settled=False)
    is_settled = all(run.state is None for run in runs)
    try:
        report = analyze_one(runs, own_usd_per_hour=options.own_usd_per_hour, recent_runs=options.recent_runs)
        return PipelineOutcome(key, _row(key, report), packed_report(report), None, is_settled)
    except MakespanError as error:
        return PipelineOutcome(key, None, b"", str(error), is_settled)
    except Exception as error:  # noqa: BLE001 - one pipeline's odd history must not cost the results of a thousand
        return PipelineOutcome(key, None, b"", f"{type(error).__name__}: {error}", is_settled=False)


def packed_report(report: PipelineReport) -> bytes:
    """A report as compressed JSON: a tenth of the bytes, which go from process to process and to the disk."""
    return zstandard.ZstdCompressor().compress(to_json(report).encode())


def unpacked_report(packed: bytes) -> PipelineReport:
    """What `packed_report` packed.

    Raises:
        ValueError: It is something else.
    """
    return from_json(PipelineReport, unpacked_text(packed))


def unpacked_text(packed: bytes) -> str:
    """The JSON of a packed report, not yet checked.

    Raises:
        ValueError: It is something else, or claims to be larger than any report.
    """
    try:
        claimed = zstandard.frame_content_size(packed)
        if not 0 <= claimed <= _MOST_BYTES:
            raise ValueError(f"a report of {claimed} bytes")
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=_MOST_BYTES).decode()
    except zstandard.ZstdError as error:
        raise ValueError(f"not a packed report: {error}") from error


def _row(key: PipelineKey, report: PipelineReport) -> FleetRow:
    first = report.findings[0] if report.findings else None
    has_price = report.costs.unpriced_jobs < report.costs.jobs
    return FleetRow(
        repository=key[0],
        pipeline=key[1],
        runs=report.runs,
        makespan_s=report.analysis.makespan_s,
        usd_per_month=report.costs.usd_per_month if has_price else None,
        findings=len(report.findings),
        worth_usd_per_month=0.0
        if first is None
        else worth_usd_per_month(first, report.runs_per_week * WEEKS_PER_MONTH),
        saved_s=None if first is None else first.effect.makespan_s,
        advice=None if first is None else first.advice,
    )
