"""The findings of an analysis, with what the store's directory remembers of them and what people said of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from makespan_analytics.findings.ledger import Entry, Status, open_findings, updated
from makespan_analytics.findings.ledger_file import ledger_path, read_ledger, write_ledger
from makespan_analytics.regressions.standing import Said, Standing, standing_of
from makespan_model.errors import InputError, UnavailableError
from makespan_model.setting_tables import names_server

if TYPE_CHECKING:
    from makespan_analytics.findings.finding import Finding
    from makespan_analytics.pipeline_report import PipelineReport

_SERVER_ROOT = Path(".makespan")


@dataclass(frozen=True, slots=True)
class KeptFinding:
    """A finding, its past, and what a person said of it."""

    finding: Finding
    entry: Entry
    standing: Standing

    @property
    def is_news(self) -> bool:
        """Whether it holds and nobody muted it."""
        return self.entry.status is Status.OPEN and self.standing is not Standing.MUTED


def keep_findings(store: str, report: PipelineReport, said: Mapping[str, Said]) -> tuple[KeptFinding, ...]:
    """Bring the ledger of a pipeline up to date; all it knows, what was found now first and in its order.

    A ledger that cannot be read or written stays as it is: that is told on standard error, and is no reason to end an
    analysis.

    Args:
        store: The setting: the directory of the store, or what names a server.
        report: The analysis.
        said: What people said, by id.
    """
    root = _SERVER_ROOT if names_server(store) else Path(store)
    path = ledger_path(root, report.repository, report.pipeline)
    known: dict[str, Entry] = {}
    is_readable = True
    try:
        known = read_ledger(path)
    except (InputError, UnavailableError) as error:
        is_readable = False
        _warn(f"{error}; until then it is not kept what becomes of findings")
    ledger = updated(known, report.findings, report.comparable_starts_ns, report.level_starts_ns)
    if ledger != known and is_readable:
        try:
            write_ledger(path, ledger)
        except UnavailableError as error:
            _warn(f"{error}; it is not kept what becomes of findings")
    current = open_findings(ledger, report.findings, report.level_starts_ns)
    now = {one.finding_id for one in current}
    gone = sorted(
        (entry for key, entry in ledger.items() if key not in now),
        key=lambda entry: (entry.status is Status.CLOSED, -entry.found_ns, entry.finding.finding_id),
    )
    shown = [*current, *(entry.finding for entry in gone)]
    now_ns = time.time_ns()
    return tuple(KeptFinding(one, ledger[one.finding_id], standing_of(one.finding_id, said, now_ns)) for one in shown)


def _warn(message: str) -> None:
    print(f"makespan: {message}", file=sys.stderr)
