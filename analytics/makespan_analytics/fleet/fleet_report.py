"""Every pipeline of a store analysed, those that did not change taken from the results of the last time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from makespan_analytics.fleet.chunk_analysis import (
    ChunkAnalysis,
    FleetOptions,
    FleetRow,
    OpenStore,
    PipelineOutcome,
    unpacked_report,
)
from makespan_analytics.fleet.pipeline_chunks import Chunk, chunks_of
from makespan_analytics.fleet.process_pool import Done
from makespan_analytics.fleet.saved_results import DamagedResults, SavedResult, origin, read_results, write_results
from makespan_analytics.pipeline_report import PipelineReport
from makespan_collector.store.contract import PipelineKey, PipelineMark, ReadsManyPipelines, Store
from makespan_model.errors import UnavailableError

_UNKNOWN_ROWS = 14
"""Spans of a run, where a store counts runs alone: a run of ten steps in three jobs."""


class Workers(Protocol):
    """Who does the work: processes of this machine, or a cluster."""

    @property
    def count(self) -> int:
        """How many work at once."""

    def run(
        self, work: Callable[[Chunk], list[PipelineOutcome]], chunks: Sequence[Chunk]
    ) -> Iterator[Done[Chunk, list[PipelineOutcome]]]:
        """Every chunk done once, in the order in which they end."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an analysis is: pipelines analysed so far, of those that have to be."""

    done: int
    of: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class FleetReport:
    """All pipelines.

    Attributes:
        outcomes: In order of repository and name; those without runs are left out.
        lost: Chunks whose processes died, and how.
        analysed: Pipelines looked at now, and `unchanged` those that did not have to be.
        warnings: What a person should know of how this came about.
    """

    outcomes: tuple[PipelineOutcome, ...]
    lost: tuple[tuple[Chunk, str], ...]
    analysed: int
    unchanged: int
    warnings: tuple[str, ...]

    @property
    def rows(self) -> tuple[FleetRow, ...]:
        """One a pipeline, the one first that would gain most."""
        known = [outcome.row for outcome in self.outcomes if outcome.row is not None]
        return tuple(sorted(known, key=lambda row: (-row.worth_usd_per_month, row.repository, row.pipeline)))

    @property
    def failed(self) -> tuple[tuple[PipelineKey, str], ...]:
        """Pipelines that could not be analysed, and why."""
        return tuple((outcome.key, outcome.error) for outcome in self.outcomes if outcome.error is not None)

    def report(self, key: PipelineKey) -> PipelineReport | None:
        """The whole report of a pipeline; None where it could not be analysed or is not there.

        Raises:
            ValueError: It was saved by somebody else.
        """
        for outcome in self.outcomes:
            if outcome.key == key and outcome.row is not None:
                return unpacked_report(outcome.report)
        return None


def analyze_fleet(
    open_store: OpenStore,
    workers: Workers,
    options: FleetOptions,
    *,
    saved_at: Path | None = None,
    repository: str | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> FleetReport:
    """Analyse every pipeline.

    Args:
        open_store: Called here and by every worker.
        workers: Who does it.
        options: What with.
        saved_at: Where results are kept from one time to the next; None does everything anew.
        repository: Its pipelines alone.
        progress: Called now and then.

    Raises:
        MakespanError: The store cannot be read, or the cluster is lost.
    """
    # Marks first: what comes while we read is then seen as new the next time.
    marks, tells_changes = _marks(open_store, repository)
    kept = _Kept(saved_at, origin(options), tells_changes=tells_changes)
    saved = kept.saved
    results = {key: saved[key] for key, mark in marks.items() if key in saved and saved[key].mark == mark}
    due = {key: mark.rows for key, mark in marks.items() if key not in results}
    told = Progress(0, len(due), len(results))
    progress(told)
    lost: list[tuple[Chunk, str]] = []
    chunks = chunks_of(due, workers=workers.count)
    for done in workers.run(ChunkAnalysis(open_store, options), chunks):
        if done.answer is None:
            lost.append((done.piece, done.lost or "no answer"))
        results |= {one.key: SavedResult(marks[one.key], one) for one in done.answer or ()}
        told = Progress(told.done + len(done.piece.pipelines), told.of, told.unchanged)
        progress(told)
    if due:
        # Results of other repositories stay: nobody asked for those.
        kept.replace({**saved, **results} if repository is not None else results)
    outcomes = [results[key].outcome for key in sorted(results)]
    return FleetReport(
        outcomes=tuple(one for one in outcomes if one.row is not None or one.error is not None),
        lost=tuple(sorted(lost, key=lambda one: one[0].pipelines)),
        analysed=told.done - sum(len(chunk.pipelines) for chunk, _ in lost),
        unchanged=told.unchanged,
        warnings=tuple(kept.warnings),
    )


class _Kept:
    """The results of the last time, and what is wrong with keeping them.

    Args:
        path: Where they are; None when they are not to be kept.
        made_by: Of what origin.
        tells_changes: Whether marks say what is new; results cannot be kept otherwise.
    """

    def __init__(self, path: Path | None, made_by: str, *, tells_changes: bool) -> None:
        self._path = path if tells_changes else None
        self._made_by = made_by
        self.saved: Mapping[PipelineKey, SavedResult] = {}
        self.warnings: list[str] = []
        if path is not None and not tells_changes:
            self.warnings.append("this store does not tell what is new in it: every pipeline is analysed anew")
        if self._path is not None:
            try:
                self.saved = read_results(self._path, made_by)
            except DamagedResults as error:
                self.warnings.append(f"{self._path}: {error}; every pipeline is analysed anew")

    def replace(self, results: Mapping[PipelineKey, SavedResult]) -> None:
        """Keep these instead; what was found is worth more than the time it would save the next one."""
        if self._path is not None:
            try:
                write_results(self._path, self._made_by, results)
            except UnavailableError as error:
                self.warnings.append(f"{error}; the next analysis begins anew")


def _marks(open_store: OpenStore, repository: str | None) -> tuple[Mapping[PipelineKey, PipelineMark], bool]:
    """The mark of every pipeline, and whether it says what is new."""
    with open_store() as store:
        tells_changes = isinstance(store, ReadsManyPipelines)
        marks = store.pipeline_marks() if isinstance(store, ReadsManyPipelines) else _marks_by_runs(store)
    return {key: mark for key, mark in marks.items() if repository in (None, key[0])}, tells_changes


def _marks_by_runs(store: Store) -> dict[PipelineKey, PipelineMark]:
    return {
        (one.repository, one.pipeline): PipelineMark(0, one.first_start_ns, one.runs * _UNKNOWN_ROWS)
        for one in store.pipelines()
    }
