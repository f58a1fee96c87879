"""CircleCI.

Source: CircleCI Docs, "Project values and variables", built-in environment variables. No variable holds
the workflow's name; MAKESPAN_PIPELINE can. A rerun is a workflow of its own, with a new id.
"""

from __future__ import annotations

from makespan_agent.identity.git_names import repository_of, without_credentials
from makespan_agent.identity.job_identity import JobIdentity, parallel_leg

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "circleci"


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """The job of a CircleCI workflow; CIRCLE_JOB already tells matrix jobs apart, CIRCLE_NODE_INDEX parallel ones.

    Projects of the GitHub App and of GitLab have no CIRCLE_PROJECT_USERNAME: their clone URL names them.
    """
    clone_url = environment.get("CIRCLE_REPOSITORY_URL", "")
    owner, name = environment.get("CIRCLE_PROJECT_USERNAME", ""), environment.get("CIRCLE_PROJECT_REPONAME", "")
    repository = f"{owner}/{name}" if owner and name else repository_of(clone_url)
    return JobIdentity(
        provider=PROVIDER,
        repository=repository,
        run_id=environment.get("CIRCLE_WORKFLOW_ID") or "unknown",
        pipeline=repository,
        job_id=environment.get("CIRCLE_JOB") or "job",
        leg=parallel_leg(environment.get("CIRCLE_NODE_INDEX", ""), environment.get("CIRCLE_NODE_TOTAL", "")),
        matrix=matrix,
        job_run=environment.get("CIRCLE_BUILD_NUM") or None,
        ref=environment.get("CIRCLE_BRANCH") or environment.get("CIRCLE_TAG") or None,
        commit=environment.get("CIRCLE_SHA1") or None,
        job_url=environment.get("CIRCLE_BUILD_URL") or None,
        repository_url=without_credentials(clone_url),
    )
