"""Drone.

Source: Drone documentation, "Environment reference". A stage (one `kind: pipeline` document of the file) is
a job here, its steps are steps; a restarted build has a new number.
"""

from __future__ import annotations

from makespan_agent.identity.git_names import without_credentials
from makespan_agent.identity.job_identity import JobIdentity

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "drone"


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """The stage of a Drone build; DRONE_SOURCE_BRANCH is a pull request's own branch, DRONE_BRANCH its target."""
    repository = environment.get("DRONE_REPO", "")
    return JobIdentity(
        provider=PROVIDER,
        repository=repository,
        run_id=environment.get("DRONE_BUILD_NUMBER") or "unknown",
        pipeline=repository,
        job_id=environment.get("DRONE_STAGE_NAME") or "default",
        matrix=matrix,
        step_key=environment.get("DRONE_STEP_NAME", ""),
        ref=environment.get("DRONE_SOURCE_BRANCH")
        or environment.get("DRONE_BRANCH")
        or environment.get("DRONE_TAG")
        or None,
        commit=environment.get("DRONE_COMMIT_SHA") or environment.get("DRONE_COMMIT") or None,
        worker=environment.get("DRONE_STAGE_MACHINE") or None,
        run_url=environment.get("DRONE_BUILD_LINK") or None,
        repository_url=without_credentials(environment.get("DRONE_REPO_LINK", "")),
    )
