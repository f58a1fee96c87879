"""Runs of one branch: on many branches at once, series mix the levels of unfinished work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from makespan_model.records import PipelineRun

REVIEW_EVENTS = ("pull_request", "merge_request")
"""How the events begin that start a run for a pull or merge request, at GitHub and at GitLab."""
_SCHEDULED = "schedule"
_USUAL_NAMES = ("main", "master", "trunk", "develop")
"""The default of git and its hosts, that of git before 2020, Subversion's, and git-flow's, in this order."""


@dataclass(frozen=True, slots=True)
class DefaultBranch:
    """The branch that everything is merged into, and why it is taken for that."""

    name: str
    reason: str


def default_branch(runs: pa.Table) -> DefaultBranch | None:
    """The default branch as far as runs tell: no provider records which one it is.

    Scheduled runs tell most: GitHub starts them on the default branch only (docs.github.com, Events that trigger
    workflows, `schedule`). Then the usual names, then the branch of most runs. Runs for reviews do not count: a fork's
    `main` is another branch.

    Args:
        runs: `RUN_SERIES` of one pipeline.

    Returns:
        None where no run has a branch.
    """
    return _default(zip(runs["ref"].to_pylist(), runs["event"].to_pylist(), strict=True))


def default_branch_of(runs: Iterable[PipelineRun]) -> DefaultBranch | None:
    """`default_branch` of assembled runs of one pipeline."""
    return _default((run.ref, run.event) for run in runs)


def runs_of_branch(runs: pa.Table, branch: str, *, reviews: bool = True) -> pa.Table:
    """The rows of `RUN_SERIES` whose ref is this branch.

    Args:
        runs: Of one pipeline.
        branch: As the runs have it, or with `refs/heads/` before it.
        reviews: Whether runs for pull and merge requests from a branch of this name count.
    """
    is_wanted = pc.fill_null(pc.equal(runs["ref"], branch.removeprefix("refs/heads/")), fill_value=False)
    if not reviews:
        others = pa.array([not is_review(event) for event in runs["event"].to_pylist()], pa.bool_())
        is_wanted = pc.and_(is_wanted, others)
    return runs.filter(is_wanted)


def of_runs(rows: pa.Table, runs: pa.Table) -> pa.Table:
    """The rows of `JOB_SERIES` or `STEP_SERIES` of one pipeline that belong to these runs."""
    return rows.filter(pc.is_in(rows["run_id"], pc.unique(runs["run_id"])))


def is_review(event: str | None) -> bool:
    """Whether an event starts runs for a pull or merge request."""
    return (event or "").startswith(REVIEW_EVENTS)


def _default(told: Iterable[tuple[str | None, str | None]]) -> DefaultBranch | None:
    pushed: Counter[str] = Counter()
    scheduled: Counter[str] = Counter()
    for ref, event in told:
        if ref and not is_review(event):
            pushed[ref] += 1
            scheduled[ref] += event == _SCHEDULED
    name, count = max(scheduled.items(), key=lambda item: item[1], default=("", 0))
    if count:
        return DefaultBranch(name, f"{count} scheduled run{'s' * (count != 1)}")
    for name in _USUAL_NAMES:
        if name in pushed:
            return DefaultBranch(name, "its name")
    if not pushed:
        return None
    name, count = pushed.most_common(1)[0]
    return DefaultBranch(name, f"most runs, {count}")
