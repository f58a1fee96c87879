"""The providers in the order they are looked for, and what the user's own variables override."""

from __future__ import annotations

from makespan_agent import bare_json
from makespan_agent.identity.job_identity import JobIdentity

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class Provider(Protocol):
        """One file of this folder."""

        PROVIDER: str

        def read(self, environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
            """The run and job the environment describes."""


PROVIDERS: tuple[tuple[str, dict[str, str | None]], ...] = (
    ("github", {"GITHUB_ACTIONS": "true"}),
    ("gitlab", {"GITLAB_CI": None}),  # gitlab-ci-local says false
    ("circleci", {"CIRCLECI": "true"}),
    ("buildkite", {"BUILDKITE": "true"}),
    ("azure", {"TF_BUILD": "True"}),
    ("bitbucket", {"BITBUCKET_BUILD_NUMBER": None}),
    ("woodpecker", {"CI": "woodpecker"}),
    ("drone", {"DRONE": "true"}),
    # People set JENKINS_URL for its command-line client, too.
    ("jenkins", {"JENKINS_URL": None, "BUILD_NUMBER": None}),
    ("tekton", {}),
    ("plain", {}),
)
"""File of this folder, and the variables that give the provider away (None: any value; no variables: only
MAKESPAN_PROVIDER does). Names, not modules: just the one that is needed is imported before the command starts."""


def identify(environment: Mapping[str, str], notices: list[str]) -> JobIdentity:
    """The run and job the environment describes.

    Args:
        environment: The process's environment.
        notices: Gets one line for each variable that could not be understood and was left out.
    """
    matrix = _matrix(environment, notices)
    job = provider_module(provider_name(environment, notices)).read(environment, matrix)
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
        job.name_job(job_id)
    return job


def provider_name(environment: Mapping[str, str], notices: list[str]) -> str:
    """MAKESPAN_PROVIDER, else the first provider whose variable is there, else `plain`."""
    chosen = environment.get("MAKESPAN_PROVIDER", "")
    names = [name for name, _ in PROVIDERS]
    if chosen in names:
        return chosen
    if chosen:
        notices.append(f"MAKESPAN_PROVIDER must be one of {', '.join(names)}, not {chosen!r}")
    for name, marks in PROVIDERS:
        if marks and all(_is_set(environment.get(variable), value) for variable, value in marks.items()):
            return name
    return "plain"


def provider_module(name: str) -> Provider:
    """The file of this folder with that name; `__import__`, for importlib takes 2 ms."""
    module: Provider = __import__(f"makespan_agent.identity.{name}", fromlist=("read",))
    return module


def _is_set(found: str | None, value: str | None) -> bool:
    return found == value if value else bool(found)


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
