"""GitLab configurations in repositories that exist only in memory."""

from __future__ import annotations

from makespan_optimizer.gitlab.jobs import Job
from makespan_optimizer.gitlab.pipeline import Pipeline
from makespan_optimizer.gitlab.reading import read_pipeline
from makespan_optimizer.repository import NO_REPOSITORY, Repository

CI_FILE = ".gitlab-ci.yml"


def repository(files: dict[str, str]) -> Repository:
    """A repository that holds these files."""
    return Repository(files.get, lambda: tuple(sorted(files)))


def read(text: str, files: dict[str, str] | None = None) -> Pipeline:
    """The pipeline of a configuration; without files, its repository is not at hand."""
    around = NO_REPOSITORY if files is None else repository({CI_FILE: text, **files})
    return read_pipeline(text, file=CI_FILE, repository=around)


def job(pipeline: Pipeline, name: str) -> Job:
    """The job with this name, which must exist."""
    found = pipeline.job(name)
    assert found is not None, f"no job {name!r} among {[each.name for each in pipeline.jobs]}"
    return found


def script(pipeline: Pipeline, name: str) -> list[str | None]:
    """The commands of a job."""
    return [command.text for command in job(pipeline, name).script]
