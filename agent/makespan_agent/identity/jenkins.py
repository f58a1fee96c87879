"""Jenkins, freestyle and Pipeline.

Source: the page `/env-vars.html` of every Jenkins, and "Using environment variables" of the Pipeline
handbook. Jenkins knows neither a repository before the checkout nor jobs inside a build, so the
job's full name stands for the repository and each stage of a Pipeline for a job. Cells of a matrix
share the name of their stage: MAKESPAN_MATRIX tells them apart.
"""

from __future__ import annotations

from makespan_agent.identity.git_names import short_ref, without_credentials
from makespan_agent.identity.job_identity import JobIdentity

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "jenkins"


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """The stage of a Jenkins build.

    GIT_URL and its like exist only after the checkout, so nothing of the run's identity is taken from
    them. BUILD_NUMBER is used, not BUILD_ID, which builds set to `dontKillMe` to keep their daemons.
    """
    name = environment.get("JOB_NAME", "")
    git_branch = environment.get("GIT_BRANCH", "")
    return JobIdentity(
        provider=PROVIDER,
        repository=name,
        run_id=environment.get("BUILD_NUMBER") or "unknown",
        pipeline=_project(name, environment.get("BRANCH_NAME", "")),
        job_id=environment.get("STAGE_NAME") or "build",
        matrix=matrix,
        job_run=environment.get("BUILD_TAG") or None,
        ref=environment.get("CHANGE_BRANCH") or environment.get("BRANCH_NAME") or _local_branch(git_branch),
        commit=environment.get("GIT_COMMIT") or None,
        worker=environment.get("NODE_NAME") or None,
        run_url=environment.get("BUILD_URL") or None,
        repository_url=without_credentials(environment.get("GIT_URL", "")),
    )


def _project(name: str, branch: str) -> str:
    """A multibranch project has one job for each branch; they are runs of the same pipeline."""
    head, _, tail = name.rpartition("/")
    return head if head and branch and tail.replace("%2F", "/") == branch else name


def _local_branch(branch: str) -> str | None:
    """The git plugin gives the remote-tracking name: `origin/main`."""
    return short_ref(branch.removeprefix("origin/"))
