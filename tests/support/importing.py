"""Imports from a local API, with a clock that waits for nobody."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from makespan_collector.importers.cursor import read_cursor
from makespan_collector.importers.github import GitHubHistory
from makespan_collector.importers.github_client import GitHubClient
from makespan_collector.importers.gitlab import GitLabHistory
from makespan_collector.importers.gitlab_client import GitLabClient
from makespan_collector.importers.history_walk import HistoryWalk
from makespan_collector.importers.patience import Patience, PatientClient
from makespan_collector.importers.progress import Progress
from makespan_collector.store.contract import Store
from support.github_history import REPOSITORY, ns
from support.gitlab_history import PROJECT


@dataclass
class Pauses:
    """What an import waited for, and said of it."""

    slept_s: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def patience(self, *, waits: bool) -> Patience:
        return Patience(waits, self.said.append, self.slept_s.append)


def import_github(
    url: str,
    store: Store,
    folder: Path,
    *,
    since_s: float = -1e6,
    limit: int | None = None,
    workflow: str | None = None,
    token: str | None = None,
    waits: bool = False,
    pauses: Pauses | None = None,
    timeout_s: float = 10.0,
    now_ns: int = ns(7200),
) -> Progress:
    """One import of `octo/app`; `since_s` is relative to the made-up now."""
    progress = Progress()
    client = PatientClient(GitHubClient(url, token, timeout_s), (pauses or Pauses()).patience(waits=waits))
    try:
        history = GitHubHistory(client, REPOSITORY, workflow)
        cursor = read_cursor(folder, f"github {url} {workflow}")
        walk = HistoryWalk(history, store, cursor, progress, now_ns=lambda: now_ns)
        walk.import_runs(since_ns=ns(since_s), limit=limit)
    finally:
        client.close()
    return progress


def import_gitlab(
    url: str,
    store: Store,
    folder: Path,
    *,
    since_s: float = -1e6,
    limit: int | None = None,
    token: str | None = None,
    waits: bool = False,
    pauses: Pauses | None = None,
    now_ns: int = ns(7200),
) -> Progress:
    """One import of `octo/tools/app`."""
    progress = Progress()
    client = PatientClient(GitLabClient(url, token), (pauses or Pauses()).patience(waits=waits))
    try:
        walk = HistoryWalk(
            GitLabHistory(client, PROJECT), store, read_cursor(folder, f"gitlab {url}"), progress, now_ns=lambda: now_ns
        )
        walk.import_runs(since_ns=ns(since_s), limit=limit)
    finally:
        client.close()
    return progress
