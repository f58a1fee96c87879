"""Buildkite.

Source: Buildkite Documentation, "Environment variables". A retried job keeps its build, so the retry is
part of the job's label and not of the run.
"""

from __future__ import annotations

from makespan_agent.identity.git_names import repository_of, without_credentials
from makespan_agent.identity.job_identity import JobIdentity, count, parallel_leg

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "buildkite"


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """The job of a Buildkite build.

    BUILDKITE_STEP_KEY is the step's key in the pipeline file, which matrix legs share; BUILDKITE_LABEL has
    the matrix values filled in.
    """
    clone_url = environment.get("BUILDKITE_REPO", "")
    slug = f"{environment.get('BUILDKITE_ORGANIZATION_SLUG', '')}/{environment.get('BUILDKITE_PIPELINE_SLUG', '')}"
    repository = repository_of(clone_url) or slug.strip("/")
    label = environment.get("BUILDKITE_LABEL", "")
    leg = parallel_leg(
        environment.get("BUILDKITE_PARALLEL_JOB", ""), environment.get("BUILDKITE_PARALLEL_JOB_COUNT", "")
    )
    return JobIdentity(
        provider=PROVIDER,
        repository=repository,
        run_id=environment.get("BUILDKITE_BUILD_ID") or "unknown",
        pipeline=environment.get("BUILDKITE_PIPELINE_NAME") or environment.get("BUILDKITE_PIPELINE_SLUG") or repository,
        job_id=environment.get("BUILDKITE_STEP_KEY") or label or environment.get("BUILDKITE_STEP_ID") or "job",
        label=label + leg if label and not matrix else None,
        leg=leg,
        retry=count(environment.get("BUILDKITE_RETRY_COUNT", "")),
        matrix=matrix,
        job_run=environment.get("BUILDKITE_JOB_ID") or None,
        ref=environment.get("BUILDKITE_BRANCH") or environment.get("BUILDKITE_TAG") or None,
        commit=_commit(environment.get("BUILDKITE_COMMIT", "")),
        worker=environment.get("BUILDKITE_AGENT_NAME") or None,
        run_url=environment.get("BUILDKITE_BUILD_URL") or None,
        repository_url=without_credentials(clone_url),
    )


def _commit(text: str) -> str | None:
    """Builds started by hand may have `HEAD` here until the checkout."""
    return text if text and text != "HEAD" else None
