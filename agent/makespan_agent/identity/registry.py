"""The providers in the order they are asked, and what the user's own variables override."""

from __future__ import annotations

from makespan_agent import bare_json
from makespan_agent.identity import github, gitlab, plain
from makespan_agent.identity.job_identity import JobIdentity
from makespan_model.span_ids import job_label

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class Provider(Protocol):
        """One file of this folder."""

        def is_here(self, environment: Mapping[str, str]) -> bool:
            """Whether the environment is this provider's."""

        def read(self, environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
            """The run and job it describes."""


PROVIDERS: tuple[Provider, ...] = (github, gitlab, plain)


def identify(environment: Mapping[str, str], notices: list[str]) -> JobIdentity:
    """The run and job the environment describes.

    Args:
        environment: The process's environment.
        notices: Gets one line for each variable that could not be understood and was left out.
    """
    matrix = _matrix(environment, notices)
    provider = next(provider for provider in PROVIDERS if provider.is_here(environment))
    job = provider.read(environment, matrix)
    job.run_id = environment.get("MAKESPAN_RUN_ID") or job.run_id
    job.repository = environment.get("MAKESPAN_REPOSITORY") or job.repository
    job.pipeline = environment.get("MAKESPAN_PIPELINE") or job.pipeline
    attempt = environment.get("MAKESPAN_RUN_ATTEMPT", "")
    if attempt.isdecimal() and int(attempt) > 0:
        job.attempt = int(attempt)
    elif attempt:
        notices.append(f"MAKESPAN_RUN_ATTEMPT must be a whole number from 1 up, not {attempt!r}")
    job_id = environment.get("MAKESPAN_JOB")
    if job_id:
        job.job_id = job_id
        job.label = job_label(job_id, matrix)
    return job


def _matrix(environment: Mapping[str, str], notices: list[str]) -> dict[str, object] | None:
    text = environment.get("MAKESPAN_MATRIX", "")
    if not text or text == "null":  # GitHub's toJSON(matrix) of a job without one
        return None
    try:
        value = bare_json.parse(text)
    except ValueError as error:
        notices.append(f"MAKESPAN_MATRIX is not JSON: {error}")
        return None
    if not isinstance(value, dict):
        notices.append("MAKESPAN_MATRIX must be a JSON object")
        return None
    return value
