"""GitHub Actions, and act, which sets the same variables.

Source: GitHub Docs, "Variables reference", default environment variables. No variable holds the matrix:
MAKESPAN_MATRIX does, where the workflow passes it.
"""

from __future__ import annotations

from makespan_agent.identity.job_identity import JobIdentity, count

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "github"


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """The job of a GitHub workflow run.

    `GITHUB_HEAD_REF` is set on pull requests only, where `GITHUB_REF_NAME` is the merge ref (`12/merge`).
    """
    repository = environment.get("GITHUB_REPOSITORY", "")
    run_id = environment.get("GITHUB_RUN_ID") or "unknown"
    attempt = count(environment.get("GITHUB_RUN_ATTEMPT", ""), at_least=1) or 1
    server = environment.get("GITHUB_SERVER_URL")
    repository_url = f"{server}/{repository}" if server and repository else None
    return JobIdentity(
        provider=PROVIDER,
        repository=repository,
        run_id=run_id,
        attempt=attempt,
        pipeline=environment.get("GITHUB_WORKFLOW") or repository,
        job_id=environment.get("GITHUB_JOB") or "job",
        matrix=matrix,
        step_key=environment.get("GITHUB_ACTION", ""),
        ref=environment.get("GITHUB_HEAD_REF") or environment.get("GITHUB_REF_NAME") or None,
        commit=environment.get("GITHUB_SHA") or None,
        worker=environment.get("RUNNER_NAME") or None,
        run_url=f"{repository_url}/actions/runs/{run_id}/attempts/{attempt}" if repository_url else None,
        repository_url=repository_url,
    )
