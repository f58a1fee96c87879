"""Woodpecker CI.

Source: Woodpecker CI documentation, "Environment variables". A workflow file is a job here, its steps are
steps; a restarted pipeline has a new number. Copies of a matrix workflow share its name:
MAKESPAN_MATRIX tells them apart.
"""

from __future__ import annotations

from makespan_agent.identity.git_names import without_credentials
from makespan_agent.identity.job_identity import JobIdentity

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "woodpecker"


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """The workflow of a Woodpecker pipeline; CI_COMMIT_SOURCE_BRANCH is set on pull requests only."""
    repository = environment.get("CI_REPO", "")
    return JobIdentity(
        provider=PROVIDER,
        repository=repository,
        run_id=environment.get("CI_PIPELINE_NUMBER") or "unknown",
        pipeline=repository,
        job_id=environment.get("CI_WORKFLOW_NAME") or "workflow",
        matrix=matrix,
        step_key=environment.get("CI_STEP_NAME", ""),
        ref=environment.get("CI_COMMIT_SOURCE_BRANCH")
        or environment.get("CI_COMMIT_BRANCH")
        or environment.get("CI_COMMIT_TAG")
        or None,
        commit=environment.get("CI_COMMIT_SHA") or None,
        run_url=environment.get("CI_PIPELINE_URL") or None,
        job_url=environment.get("CI_STEP_URL") or None,
        repository_url=without_credentials(environment.get("CI_REPO_URL", "")),
    )
