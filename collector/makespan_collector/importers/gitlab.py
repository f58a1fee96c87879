"""History of a GitLab project: pipelines, child pipelines, jobs with every retry.

Sources: GitLab Docs, "Pipelines API" (list, get) and "Jobs API" (jobs and trigger jobs of a pipeline).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from makespan_collector.importers.history_walk import Listed, ListPage
from makespan_collector.importers.patience import PatientClient
from makespan_collector.providers.gitlab_rows import job_row, pipeline_facts, pipeline_row, pipeline_state
from makespan_collector.providers.payload import Payload, PayloadError, payload_of
from makespan_collector.store.rows import SpanRow
from makespan_model.errors import UsageError

SOURCE = "gitlab-api"
_NS_PER_S = 1_000_000_000
_MOST_DEPTH = 2
"""Child pipelines may have children once more (GitLab Docs, "Downstream pipelines")."""


class GitLabHistory:
    """The pipelines of a project.

    Args:
        client: Asks the API.
        project: `group/project`.
        ref: A branch; None for all.
    """

    overlap_ns = 3600 * _NS_PER_S
    """The list is by last change, so a retry of an old pipeline comes up again; an hour is for clocks."""

    def __init__(self, client: PatientClient, project: str, ref: str | None = None) -> None:
        if "/" not in project.strip("/"):
            raise UsageError(f"a project is GROUP/PROJECT, not {project!r}")
        self._client = client
        self._project = project.strip("/")
        self._base = f"projects/{quote(self._project, safe='')}"
        self._filter = {"ref": ref} if ref else {}

    def pages(self, etags: Sequence[str | None]) -> Iterator[ListPage]:
        """The list of pipelines, the last changed first."""
        query = {"per_page": "100", "order_by": "updated_at", "sort": "desc", **self._filter}
        for number, answer in enumerate(self._client.answers(f"{self._base}/pipelines", query, etags)):
            if answer.is_unchanged:
                yield ListPage((), is_unchanged=True)
            else:
                yield _page(answer.content, f"page {number + 1} of the pipelines", answer.etag)

    def find(self, run_id: str) -> Listed | None:
        """One pipeline."""
        try:
            return _listed(self._pipeline(run_id))
        except (UsageError, PayloadError):
            return None

    def rows(self, listed: Listed, *, heard_ns: int) -> list[SpanRow]:
        """A pipeline with its jobs, and its child pipelines."""
        return self._pipeline_rows(listed.run_id, heard_ns, depth=0)

    def _pipeline(self, pipeline_id: str) -> Payload:
        answer = self._client.get(f"{self._base}/pipelines/{quote(pipeline_id, safe='')}")
        return payload_of(answer.content, f"pipeline {pipeline_id}")

    def _pipeline_rows(self, pipeline_id: str, heard_ns: int, *, depth: int) -> list[SpanRow]:
        # The list lacks who started it, and when it ended.
        pipeline = self._pipeline(pipeline_id)
        facts = pipeline_facts(pipeline, self._project, SOURCE)
        tries: dict[str, list[Payload]] = defaultdict(list)
        rows = [pipeline_row(pipeline, facts, heard_ns=heard_ns)]
        children: list[str] = []
        for kind in ("jobs", "bridges"):
            query = {"per_page": "100", "include_retried": "true"}
            for content in self._client.pages(f"{self._base}/pipelines/{pipeline_id}/{kind}", query):
                for job in payload_of({"jobs": content}, pipeline.place).parts("jobs"):
                    tries[job.required_text("name")].append(job)
                    children += _child_of(job, pipeline)
        for jobs in tries.values():
            # Ids grow, so the first try comes first.
            for retry, job in enumerate(sorted(jobs, key=lambda job: job.required_whole("id"))):
                row = job_row(job, facts, retry=retry, heard_ns=heard_ns)
                rows += [] if row is None else [row]
        if depth < _MOST_DEPTH:
            for child in children:
                rows += self._pipeline_rows(child, heard_ns, depth=depth + 1)
        return rows


def _page(content: object, place: str, etag: str | None) -> ListPage:
    runs: list[Listed] = []
    problems: list[str] = []
    try:
        for item in payload_of({"pipelines": content}, place).parts("pipelines"):
            try:
                runs.append(_listed(item))
            except PayloadError as error:
                problems.append(str(error))
    except PayloadError as error:
        problems.append(str(error))
    return ListPage(runs, problems, etag)


def _listed(pipeline: Payload) -> Listed:
    pipeline_id = pipeline.required_whole("id")
    placed = Payload(pipeline.values, f"pipeline {pipeline_id}")
    time_ns = placed.instant_ns("updated_at") or placed.instant_ns("created_at")
    if time_ns is None:
        raise PayloadError(f"{placed.place}: it lacks updated_at and created_at")
    is_over = pipeline_state(placed) is None
    return Listed(str(pipeline_id), f"{placed.text('status')} {time_ns}", time_ns, is_over, placed)


def _child_of(job: Payload, pipeline: Payload) -> list[str]:
    """The child pipeline that a trigger job started in the same project; another project's is that one's history."""
    downstream = job.part("downstream_pipeline")
    child, project = downstream.whole("id"), downstream.whole("project_id")
    if child is None or (project is not None and project != pipeline.whole("project_id")):
        return []
    return [str(child)]
