"""Bitbucket Pipelines.

Source: Bitbucket Cloud support, "Variables and secrets", default variables. What Bitbucket calls a step has
a container of its own and is a job here. No variable holds its name: MAKESPAN_JOB should. Without
it every step of every pipeline counts as the job `step`, told apart within a run by BITBUCKET_STEP_UUID.
"""

from __future__ import annotations

from makespan_agent.identity.git_names import without_credentials
from makespan_agent.identity.job_identity import JobIdentity, count, parallel_leg

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "bitbucket"


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """The step of a Bitbucket pipeline; a rerun of a failed step keeps its pipeline and counts up its run number."""
    repository = environment.get("BITBUCKET_REPO_FULL_NAME", "")
    run_id = environment.get("BITBUCKET_BUILD_NUMBER") or "unknown"
    origin = without_credentials(environment.get("BITBUCKET_GIT_HTTP_ORIGIN", ""))
    step = environment.get("BITBUCKET_STEP_UUID", "").strip("{}")
    total = environment.get("BITBUCKET_PARALLEL_STEP_COUNT", "")
    leg = parallel_leg(environment.get("BITBUCKET_PARALLEL_STEP", ""), total)
    tries = count(environment.get("BITBUCKET_STEP_RUN_NUMBER", ""), at_least=1) or 1
    return JobIdentity(
        provider=PROVIDER,
        repository=repository,
        run_id=run_id,
        pipeline=repository,
        job_id="step",
        label=f"step {step.partition('-')[0]}{leg}" if step and not matrix else None,
        leg=leg,
        retry=tries - 1,
        matrix=matrix,
        job_run=step or None,
        ref=environment.get("BITBUCKET_BRANCH") or environment.get("BITBUCKET_TAG") or None,
        commit=environment.get("BITBUCKET_COMMIT") or None,
        run_url=f"{origin}/pipelines/results/{run_id}" if origin else None,
        repository_url=origin,
    )
