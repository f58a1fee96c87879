"""Which pipeline of a store a command is about."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from makespan_model.errors import UnavailableError, UsageError
from makespan_model.matching import did_you_mean

if TYPE_CHECKING:
    from makespan_collector.store.contract import PipelineSummary, Store


def add_pipeline_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what says which pipeline is meant, and where its history is."""
    parser.add_argument(
        "pipeline", nargs="?", metavar="PIPELINE", help="its name; may be omitted when the store has only one"
    )
    parser.add_argument("--repository", metavar="NAME", help="where several repositories have a pipeline of this name")
    parser.add_argument("--store", metavar="DIR", help="directory of the store (setting: store)")


def choose_pipeline(store: Store, place: str, pipeline: str | None, repository: str | None) -> PipelineSummary:
    """The one pipeline of a store that was asked for; the only one where none was named.

    Raises:
        UsageError: No such pipeline, or several and none named.
        UnavailableError: There is no history.
    """
    known = store.pipelines()
    if not known:
        raise UnavailableError(f"the store {place} has no runs yet; run `makespan exec FILE` first")
    if repository is not None:
        repositories = sorted({summary.repository for summary in known})
        if repository not in repositories:
            raise UsageError(f"no repository {repository!r} in {place}{did_you_mean(repository, repositories)}")
        known = [summary for summary in known if summary.repository == repository]
    names = sorted({summary.pipeline for summary in known})
    if pipeline is not None and pipeline not in names:
        raise UsageError(
            f"no pipeline {pipeline!r} in {place}{did_you_mean(pipeline, names)}; there are: {_listed(known)}"
        )
    found = [summary for summary in known if pipeline in (None, summary.pipeline)]
    if len(found) == 1:
        return found[0]
    what = (
        "several pipelines; name one"
        if len({summary.pipeline for summary in found}) > 1
        else ("this pipeline in several repositories; name one with --repository")
    )
    raise UsageError(f"the store {place} has {what}: {_listed(found)}")


def _listed(summaries: list[PipelineSummary]) -> str:
    return ", ".join(
        f"{summary.pipeline!r} of {summary.repository} ({summary.runs} run{'s' * (summary.runs != 1)})"
        for summary in summaries
    )
