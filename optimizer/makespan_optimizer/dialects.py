"""The pipeline languages that can be read, behind one small interface; another one is another member of the list."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final, Protocol

from makespan_optimizer.gitlab.pipeline import Pipeline
from makespan_optimizer.gitlab.reading import read_pipeline
from makespan_optimizer.repository import NO_REPOSITORY, Repository
from makespan_optimizer.workflow.model import Workflow
from makespan_optimizer.workflow.reading import read_workflow

_YAML = (".yml", ".yaml")


class Dialect(Protocol):
    """One language."""

    @property
    def name(self) -> str:
        """Lower case, as options and reports write it."""

    def recognises(self, path: str) -> bool:
        """Whether a file at this path is written in the language: by its name and folder alone."""

    def read(self, text: str, *, file: str, repository: Repository = NO_REPOSITORY) -> Pipeline | Workflow:
        """The typed model of a file.

        Args:
            text: The file decoded from UTF-8, with its BOM and line endings.
            file: The path as the user gave it, for messages.
            repository: Where files that it refers to are read from.

        Raises:
            WorkflowError: The file is broken; says what and where.
        """


class GitHubActions:
    """Workflow files of GitHub Actions."""

    name = "github"

    def recognises(self, path: str) -> bool:
        """YAML files in a folder `workflows`."""
        pure = PurePath(path)
        return pure.suffix in _YAML and pure.parent.name == "workflows"

    def read(self, text: str, *, file: str, repository: Repository = NO_REPOSITORY) -> Workflow:  # noqa: ARG002
        """The workflow; what it refers to is read by those who need it."""
        return read_workflow(text, file=file)


class GitLabCi:
    """Configurations of GitLab CI/CD."""

    name = "gitlab"

    def recognises(self, path: str) -> bool:
        """`.gitlab-ci.yml`, and files whose name ends so or that lie in a folder `.gitlab` or `.gitlab-ci`."""
        pure = PurePath(path)
        inside = any(part in (".gitlab", ".gitlab-ci") for part in pure.parts[:-1])
        return pure.suffix in _YAML and (inside or pure.stem.endswith(".gitlab-ci"))

    def read(self, text: str, *, file: str, repository: Repository = NO_REPOSITORY) -> Pipeline:
        """The pipeline with all that it includes; a file of another name is read as a part of one."""
        part = not PurePath(file).stem.endswith(".gitlab-ci")
        return read_pipeline(text, file=file, repository=repository, part=part)


GITHUB: Final = GitHubActions()
GITLAB: Final = GitLabCi()
DIALECTS: Final[tuple[Dialect, ...]] = (GITHUB, GITLAB)


def dialect_of(path: str) -> Dialect | None:
    """The first dialect that recognises a path; None when none does."""
    return next((dialect for dialect in DIALECTS if dialect.recognises(path)), None)
