"""GitLab CI.

Source: GitLab Docs, "Predefined CI/CD variables reference". A retried job keeps its pipeline and its name,
and no variable counts the tries: all tries hang under one job span, which every observer derives
alike. Their steps differ by their starts, and `job_run` (CI_JOB_ID) says which try each belongs to.
"""

from __future__ import annotations

from makespan_agent import bare_json
from makespan_agent.identity.job_identity import JobIdentity, count

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "gitlab"
_MATRIX_LEG = ": ["


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """The job of a GitLab pipeline; CI_JOB_NAME already tells parallel legs apart."""
    project = environment.get("CI_PROJECT_PATH", "")
    job_id, leg = _split_name(environment.get("CI_JOB_NAME") or "job", environment.get("CI_NODE_TOTAL", ""))
    if matrix and leg.startswith(_MATRIX_LEG):
        leg = ""  # MAKESPAN_MATRIX says the same, with names.
    return JobIdentity(
        provider=PROVIDER,
        repository=project,
        run_id=environment.get("CI_PIPELINE_ID") or "unknown",
        pipeline=environment.get("CI_PIPELINE_NAME") or project,
        job_id=job_id,
        leg=leg,
        matrix=matrix,
        job_run=environment.get("CI_JOB_ID") or None,
        ref=environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or environment.get("CI_COMMIT_REF_NAME") or None,
        commit=environment.get("CI_COMMIT_SHA") or None,
        worker=environment.get("CI_RUNNER_DESCRIPTION") or None,
        run_url=environment.get("CI_PIPELINE_URL") or None,
        job_url=environment.get("CI_JOB_URL") or None,
        repository_url=environment.get("CI_PROJECT_URL") or None,
        event=environment.get("CI_PIPELINE_SOURCE") or None,
        actor=environment.get("GITLAB_USER_LOGIN") or None,
        change=environment.get("CI_MERGE_REQUEST_IID") or None,
        runner_labels=_tags(environment.get("CI_RUNNER_TAGS", "")),
    )


def _tags(text: str) -> list[str] | None:
    """CI_RUNNER_TAGS: a JSON array; runners before version 13 wrote the tags with commas between them."""
    try:
        tags = bare_json.parse(text) if text.startswith("[") else text.split(",")
    except ValueError:
        return None
    return [str(tag).strip() for tag in tags if str(tag).strip()] or None if isinstance(tags, list) else None


def _split_name(name: str, node_total: str) -> tuple[str, str]:
    """`test 1/3` and `test: [3.12, linux]` are legs of `test`; CI_NODE_TOTAL is above 1 for both."""
    if count(node_total, at_least=2) is None:
        return name, ""
    if name.endswith("]") and _MATRIX_LEG in name:
        head = name[: name.index(_MATRIX_LEG)]
        return head, name[len(head) :]
    head, _, tail = name.rpartition(" ")
    return (head, f" {tail}") if head and tail.endswith(f"/{node_total}") else (name, "")
