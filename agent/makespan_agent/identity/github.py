"""GitHub Actions, and act, which sets the same variables.

Source: GitHub Docs, "Variables reference", default environment variables. No variable holds the matrix:
MAKESPAN_MATRIX does, where the workflow passes it. Likewise MAKESPAN_JOB_RUN has the id that the REST API and webhooks
know the job by (`${{ job.check_run_id }}`).
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
        job_run=environment.get("MAKESPAN_JOB_RUN") or None,
        step_key=environment.get("GITHUB_ACTION", ""),
        ref=environment.get("GITHUB_HEAD_REF") or environment.get("GITHUB_REF_NAME") or None,
        commit=environment.get("GITHUB_SHA") or None,
        worker=environment.get("RUNNER_NAME") or None,
        run_url=f"{repository_url}/actions/runs/{run_id}/attempts/{attempt}" if repository_url else None,
        repository_url=repository_url,
        event=environment.get("GITHUB_EVENT_NAME") or None,
        actor=environment.get("GITHUB_ACTOR") or None,
        change=_pull_request(environment.get("GITHUB_REF", "")),
    )


def _pull_request(ref: str) -> str | None:
    """The number in `refs/pull/12/merge`."""
    parts = ref.split("/")
    return parts[2] if len(parts) == 4 and parts[:2] == ["refs", "pull"] and parts[2].isdecimal() else None
