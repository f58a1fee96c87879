"""History of a GitHub repository: runs with all their attempts, jobs and steps.

Sources: GitHub REST API, "Workflow runs" (list, get, get an attempt) and "Workflow jobs" (list for an attempt).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from makespan_collector.importers.history_walk import Listed, ListPage
from makespan_collector.importers.patience import PatientClient
from makespan_collector.providers.github_rows import job_rows, last_end_ns, run_facts, run_row
from makespan_collector.providers.payload import Payload, PayloadError, payload_of
from makespan_collector.store.rows import SpanRow
from makespan_model.errors import UsageError

SOURCE = "github-api"
_NS_PER_DAY = 24 * 3600 * 1_000_000_000
_MOST_ATTEMPTS = 100
"""GitHub allows 50 re-runs."""


class GitHubHistory:
    """The runs of a repository, or of one workflow of it.

    Args:
        client: Asks the API.
        repository: `owner/name`.
        workflow: A file name such as `ci.yml`, or an id; None for all.
    """

    overlap_ns = 30 * _NS_PER_DAY
    """A run may be run again for 30 days (GitHub Docs, "Re-running workflows and jobs")."""

    def __init__(self, client: PatientClient, repository: str, workflow: str | None = None) -> None:
        self._client = client
        self._repository = repository
        owner, name = repository_parts(repository)
        self._base = f"repos/{quote(owner, safe='')}/{quote(name, safe='')}/actions"
        self._list = f"workflows/{quote(workflow.rpartition('/')[2], safe='')}/runs" if workflow else "runs"

    def pages(self, etags: Sequence[str | None]) -> Iterator[ListPage]:
        """The list of runs, newest first.

        Not filtered by `created`: with a filter the API ends after 1,000 runs, without one it does not.
        """
        answers = self._client.answers(f"{self._base}/{self._list}", {"per_page": "100"}, etags)
        for number, answer in enumerate(answers):
            if answer.is_unchanged:
                yield ListPage((), is_unchanged=True)
                continue
            runs: list[Listed] = []
            problems: list[str] = []
            try:
                page = payload_of(answer.content, f"page {number + 1} of the runs")
                for item in page.parts("workflow_runs"):
                    _collect(item, runs, problems)
            except PayloadError as error:
                problems.append(str(error))
            yield ListPage(runs, problems, answer.etag)

    def find(self, run_id: str) -> Listed | None:
        """One run."""
        try:
            answer = self._client.get(f"{self._base}/runs/{quote(run_id, safe='')}")
            return _listed(payload_of(answer.content, f"run {run_id}"))
        except (UsageError, PayloadError):
            return None

    def rows(self, listed: Listed, *, heard_ns: int) -> list[SpanRow]:
        """All attempts at a run, the first one first."""
        last = run_facts(listed.payload, self._repository, SOURCE).identity.attempt
        if last > _MOST_ATTEMPTS:
            raise PayloadError(f"{listed.payload.place}: run_attempt must be at most {_MOST_ATTEMPTS}, not {last}")
        rows: list[SpanRow] = []
        for attempt in range(1, last + 1):
            run = listed.payload if attempt == last else self._attempt(listed.run_id, attempt)
            if run is not None:
                rows += self._attempt_rows(run, heard_ns)
        return rows

    def _attempt(self, run_id: str, attempt: int) -> Payload | None:
        try:
            answer = self._client.get(f"{self._base}/runs/{run_id}/attempts/{attempt}")
        except UsageError:
            return None  # Its logs and all were deleted.
        return payload_of(answer.content, f"run {run_id}, attempt {attempt}")

    def _attempt_rows(self, run: Payload, heard_ns: int) -> list[SpanRow]:
        facts = run_facts(run, self._repository, SOURCE)
        run_id, attempt = facts.identity.run_id, facts.identity.attempt
        began_ns = run.instant_ns("run_started_at") or 0
        jobs: list[SpanRow] = []
        pages = self._client.pages(f"{self._base}/runs/{run_id}/attempts/{attempt}/jobs", {"per_page": "100"})
        for content in pages:
            for job in payload_of(content, f"run {run_id}, attempt {attempt}").parts("jobs"):
                if not _was_carried_over(job, attempt, began_ns):
                    jobs += job_rows(job, facts, heard_ns=heard_ns)
        return [run_row(run, facts, heard_ns=heard_ns, ended_ns=last_end_ns(jobs)), *jobs]


def repository_parts(repository: str) -> tuple[str, str]:
    """Owner and name.

    Raises:
        UsageError: It is not `owner/name`.
    """
    owner, separator, name = repository.partition("/")
    if not separator or not owner or not name or "/" in name:
        raise UsageError(f"a repository is OWNER/NAME, not {repository!r}")
    return owner, name


def _collect(item: Payload, runs: list[Listed], problems: list[str]) -> None:
    try:
        runs.append(_listed(item))
    except PayloadError as error:
        problems.append(str(error))


def _listed(run: Payload) -> Listed:
    run_id = run.required_whole("id")
    placed = Payload(run.values, f"run {run_id}")
    time_ns = placed.instant_ns("created_at")
    if time_ns is None:
        raise PayloadError(f"{placed.place}: it lacks created_at")
    is_over = placed.text("status") == "completed"
    version = f"{placed.whole('run_attempt') or 1} {placed.text('updated_at') or ''}"
    return Listed(str(run_id), version, time_ns, is_over, placed)


def _was_carried_over(job: Payload, attempt: int, began_ns: int) -> bool:
    """Whether a job of an earlier attempt is shown again: re-running the failed jobs lists the others as they were."""
    if attempt == 1:
        return False
    if (job.whole("run_attempt") or attempt) < attempt:
        return True
    ended_ns = job.instant_ns("completed_at")
    return ended_ns is not None and ended_ns < began_ns
