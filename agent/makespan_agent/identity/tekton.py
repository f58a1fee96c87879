"""Tekton.

Tekton sets no variables of its own, so nothing tells its pods from others: MAKESPAN_PROVIDER=tekton does,
and the task passes the rest in its `env`. Source: Tekton documentation, "Variable Substitutions Supported
by Tasks and Pipelines" (`context.pipelineRun.uid`, `context.pipeline.name`, `context.task.name`,
`context.task.retry-count`, `context.taskRun.name`).
"""

from __future__ import annotations

from makespan_agent.identity.job_identity import JobIdentity, count

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "tekton"


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """What the task passed on; a retried TaskRun keeps its PipelineRun, so the retry is part of the job's label."""
    return JobIdentity(
        provider=PROVIDER,
        repository=environment.get("MAKESPAN_REPOSITORY", ""),
        run_id=environment.get("MAKESPAN_RUN_ID") or "unknown",
        pipeline=environment.get("MAKESPAN_PIPELINE") or "pipeline",
        job_id=environment.get("MAKESPAN_JOB") or "task",
        retry=count(environment.get("MAKESPAN_JOB_RETRY", "")),
        matrix=matrix,
        job_run=environment.get("MAKESPAN_JOB_RUN") or None,
    )
