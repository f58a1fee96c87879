"""The recorded runs of a workflow file."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from makespan_model.errors import UnavailableError, UsageError
from makespan_model.matching import did_you_mean

if TYPE_CHECKING:
    from makespan_collector.store.contract import PipelineSummary
    from makespan_model.records import PipelineRun
    from makespan_model.settings import Settings


@dataclass(frozen=True, slots=True)
class WorkflowHistory:
    """Runs, oldest first.

    Attributes:
        pipeline: Whose runs they are; None where there are none.
        sentence: What a reader is told about them.
    """

    runs: Sequence[PipelineRun]
    pipeline: str | None
    sentence: str


def workflow_history(
    settings: Settings,
    names: Sequence[str],
    *,
    pipeline: str | None,
    repository: str | None,
    limit: int,
    must_exist: bool,
    without: str,
) -> WorkflowHistory:
    """The newest runs of a workflow.

    Args:
        settings: Name the store.
        names: What its pipeline may be called, most likely first; `pipeline` wins over them.
        pipeline: The name that was asked for.
        repository: Where several have a pipeline of this name.
        limit: Newest runs that are read.
        must_exist: Whether a store that is not there is an error.
        without: The sentence for that case otherwise.

    Raises:
        UnavailableError: There is no store, and there must be one.
        UsageError: No such pipeline or repository, or several repositories have it.
    """
    from makespan_collector.store.places import open_configured

    names = [pipeline] if pipeline is not None else names
    try:
        store = open_configured(settings, read_only=True)
    except UnavailableError:
        if must_exist:
            raise
        return WorkflowHistory((), None, without)
    with store:
        found = _in_repository(store.pipelines(), repository, settings.store)
        known = [summary.pipeline for summary in found]
        name = next((name for name in names if name in known), None)
        if name is None and pipeline is not None:
            raise UsageError(f"no pipeline {pipeline!r} in {settings.store}{did_you_mean(pipeline, known)}")
        repositories = {summary.repository for summary in found if summary.pipeline == name}
        if len(repositories) > 1:
            raise UsageError(
                f"several repositories have a pipeline {name!r}; name one with --repository: "
                f"{', '.join(sorted(repositories))}"
            )
        runs = store.runs(pipeline=name, repository=repositories.pop(), limit=limit) if name is not None else []
    if not runs:
        return WorkflowHistory((), None, f"No history of {names[0]!r} in {settings.store} (--pipeline names another).")
    return WorkflowHistory(runs, name, f"History: {len(runs)} run{'s' * (len(runs) != 1)} of {name!r}.")


def pipeline_names(name: str | None, file: str, root: Path) -> list[str]:
    """What providers and local runs may have called the pipeline of a file, most likely first.

    Args:
        name: What the file calls itself.
        file: Its path as the user gave it.
        root: The repository it lies in.
    """
    path = Path(file).resolve()
    inside = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    return [*([name] if name else []), inside, file, path.name, path.stem]


def origin_path(root: Path) -> str | None:
    """The path of a repository on its server (`group/sub/project`), as its git remote `origin` tells.

    GitLab's pipelines have that name unless their file gives them one. None without git or a remote.
    """
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    url = found.stdout.strip().removesuffix("/").removesuffix(".git")
    if found.returncode or not url:
        return None
    # `https://host/group/project`, `ssh://git@host:22/group/project` or `git@host:group/project`.
    _, separator, rest = url.partition("://")
    path = rest.partition("/")[2] if separator else url.partition(":")[2]
    return path.strip("/") or None


def _in_repository(
    summaries: Sequence[PipelineSummary], repository: str | None, place: str
) -> Sequence[PipelineSummary]:
    repositories = {each.repository for each in summaries}
    if repository is not None and repository not in repositories:
        raise UsageError(f"no repository {repository!r} in {place}{did_you_mean(repository, repositories)}")
    return [each for each in summaries if repository in (None, each.repository)]
