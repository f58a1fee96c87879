"""GitLab CI.

Source: GitLab Docs, "Predefined CI/CD variables reference". GitLab has no run attempt: a retried job
keeps its pipeline id.
"""

from __future__ import annotations

from makespan_agent.identity.job_identity import JobIdentity

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "gitlab"


def is_here(environment: Mapping[str, str]) -> bool:
    """Whether the environment is a job of a GitLab pipeline."""
    return environment.get("GITLAB_CI") == "true"


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """The job of a GitLab pipeline; CI_JOB_NAME already tells parallel legs apart."""
    project = environment.get("CI_PROJECT_PATH", "")
    name = environment.get("CI_JOB_NAME") or "job"
    job_id = _job_key(name, environment.get("CI_NODE_TOTAL", ""))
    return JobIdentity(
        provider=PROVIDER,
        repository=project,
        run_id=environment.get("CI_PIPELINE_ID") or "unknown",
        pipeline=environment.get("CI_PIPELINE_NAME") or project,
        job_id=job_id,
        matrix=matrix,
        label=None if matrix else name,
        ref=environment.get("CI_COMMIT_REF_NAME") or None,
        commit=environment.get("CI_COMMIT_SHA") or None,
        worker=environment.get("CI_RUNNER_DESCRIPTION") or None,
        run_url=environment.get("CI_PIPELINE_URL") or None,
        job_url=environment.get("CI_JOB_URL") or None,
        repository_url=environment.get("CI_PROJECT_URL") or None,
    )


def _job_key(name: str, node_total: str) -> str:
    """`test 1/3` and `test: [3.12, linux]` are legs of `test`; CI_NODE_TOTAL is above 1 for both."""
    if not node_total.isdecimal() or int(node_total) < 2:
        return name
    if name.endswith("]") and ": [" in name:
        return name[: name.index(": [")]
    head, _, tail = name.rpartition(" ")
    return head if head and tail.endswith(f"/{node_total}") else name
