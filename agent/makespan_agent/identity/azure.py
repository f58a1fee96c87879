"""Azure Pipelines.

Source: Azure DevOps documentation, "Use predefined variables"; `System.JobName` is `SYSTEM_JOBNAME` in the
environment. A retried job keeps its build, so the retry is part of the job's label and not of the run.
"""

from __future__ import annotations

from makespan_agent.identity.git_names import short_ref, without_credentials
from makespan_agent.identity.job_identity import JobIdentity, count, parallel_leg

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "azure"


_NAMELESS = "__default"
"""How Azure calls the stage that nobody declared, and the single copy of a job."""


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """The job of an Azure Pipelines build: SYSTEM_PHASENAME is its key, SYSTEM_JOBNAME its copy's in a matrix."""
    project = environment.get("SYSTEM_TEAMPROJECT", "")
    repository = environment.get("BUILD_REPOSITORY_NAME", "")
    if repository and "/" not in repository and project:
        repository = f"{project}/{repository}"  # Azure Repos gives the bare name.
    run_id = environment.get("BUILD_BUILDID") or "unknown"
    attempt = count(environment.get("SYSTEM_JOBATTEMPT", ""), at_least=1) or 1
    source = environment.get("SYSTEM_PULLREQUEST_SOURCEBRANCH") or environment.get("BUILD_SOURCEBRANCH", "")
    return JobIdentity(
        provider=PROVIDER,
        repository=repository,
        run_id=run_id,
        pipeline=environment.get("BUILD_DEFINITIONNAME") or repository,
        job_id=_job_key(environment),
        leg=_leg(environment),
        retry=attempt - 1,
        matrix=matrix,
        job_run=environment.get("SYSTEM_JOBID") or None,
        ref=short_ref(source),
        commit=environment.get("BUILD_SOURCEVERSION") or None,
        worker=environment.get("AGENT_NAME") or None,
        run_url=_run_url(environment, project, run_id),
        repository_url=without_credentials(environment.get("BUILD_REPOSITORY_URI", "")),
    )


def _job_key(environment: Mapping[str, str]) -> str:
    """`job`, or `stage.job` as conditions write it: names of jobs are unique in their stage only."""
    job = environment.get("SYSTEM_PHASENAME") or environment.get("SYSTEM_JOBNAME") or "job"
    stage = environment.get("SYSTEM_STAGENAME", "")
    return job if stage in ("", _NAMELESS) else f"{stage}.{job}"


def _leg(environment: Mapping[str, str]) -> str:
    total = environment.get("SYSTEM_TOTALJOBSINPHASE", "")
    position = parallel_leg(environment.get("SYSTEM_JOBPOSITIONINPHASE", ""), total, first=1)
    name = environment.get("SYSTEM_JOBNAME", "")
    if not position or name in ("", _NAMELESS, environment.get("SYSTEM_PHASENAME")):
        return position
    return f" ({name})"


def _run_url(environment: Mapping[str, str], project: str, run_id: str) -> str | None:
    collection = environment.get("SYSTEM_COLLECTIONURI", "")
    if not collection or not project:
        return None
    return f"{collection.rstrip('/')}/{project.replace(' ', '%20')}/_build/results?buildId={run_id}"
