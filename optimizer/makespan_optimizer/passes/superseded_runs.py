"""Runs of a pull request go on although a newer push has made their results useless."""

from __future__ import annotations

from typing import Final

from makespan_optimizer.claims import AddedConcurrency
from makespan_optimizer.graph.gates import acts_on_the_world, is_release_workflow
from makespan_optimizer.passes.evidence import Evidence
from makespan_optimizer.passes.findings import Finding, PassInfo
from makespan_optimizer.workflow.model import Span, Workflow
from makespan_optimizer.yaml.edits import Edit, append_entries
from makespan_optimizer.yaml.nodes import AnyNode, Document, Mapping, Scalar, Sequence, resolved

PASS: Final = PassInfo(
    name="superseded_runs",
    ceiling="assumed",
    summary="runs of a pull request that go on after a newer push",
    docs="passes/superseded_runs.md",
)

# The file and, for a pull request, its number: two workflows of one name do not cancel each other. Every other run is
# alone in its group and is never cancelled.
GROUP: Final = "${{ github.workflow_ref }}-${{ github.event.pull_request.number || github.run_id }}"

# A run for a label or a comment does other work than one for a push, and must not cancel it.
_PUSHED: Final = frozenset({"opened", "synchronize", "reopened"})
# The caller's run is in the same group as what it calls (`github` is the caller's): it would cancel itself.
_CALLED: Final = "workflow_call"
# Acts in the base repository's name, often on labels or comments.
_TRUSTED: Final = "pull_request_target"


def find(workflow: Workflow, _evidence: Evidence) -> list[Finding]:
    """The workflow itself, where runs of its pull requests may be cancelled without losing anything but results."""
    trigger = _pull_request(workflow)
    if trigger is None or workflow.concurrency is not None or any(job.concurrency is not None for job in workflow.jobs):
        return []
    if {_CALLED, _TRUSTED} & set(workflow.triggers) or is_release_workflow(workflow):
        return []
    if any(job.uses is not None or acts_on_the_world(job, workflow) for job in workflow.jobs):
        return []
    return [
        Finding(
            pass_name=PASS.name,
            job_id="",
            place=trigger,
            what="a newer push to a pull request does not stop the runs of the older one",
            why="Both hold runners, and nobody waits for the older result. Results of outdated commits are lost; runs "
            "of branches, tags and schedules are never cancelled. Nothing in this workflow deploys or releases.",
            evidence="assumed",
            claims=(AddedConcurrency(GROUP),),
        )
    ]


def rewrite(workflow: Workflow, _finding: Finding) -> list[Edit]:
    """Write `concurrency` below the triggers."""
    document = workflow.document
    # Keys that are set apart by blank lines get one more of their kind.
    gap = "\n" if _is_set_apart(document) else ""
    text = f"{gap}concurrency:\n  group: {GROUP}\n  cancel-in-progress: true\n"
    return [append_entries(document, (), text, after="on")]


def _is_set_apart(document: Document) -> bool:
    root = document.root
    assert isinstance(root, Mapping)
    index = next(index for index, entry in enumerate(root.entries) if entry.key.value == "on")
    if index + 1 == len(root.entries):
        return False
    between = document.text[root.entries[index].value.start : root.entries[index + 1].key.start]
    return "\n\n" in between.replace("\r\n", "\n")


def _pull_request(workflow: Workflow) -> Span | None:
    """Where `on: pull_request` stands; None where there is none, or where it also means other things than pushes."""
    root = workflow.document.root
    triggers = root.get("on") if isinstance(root, Mapping) and root.anchor is None else None
    node = None if triggers is None else resolved(triggers)
    found: AnyNode | None = None
    if isinstance(node, Scalar) and node.value == "pull_request":
        found = node
    elif isinstance(node, Sequence):
        found = next((item for item in node.items if isinstance(item, Scalar) and item.value == "pull_request"), None)
    elif isinstance(node, Mapping):
        entry = node.entry("pull_request")
        if entry is not None and _only_pushes(resolved(entry.value)):
            found = entry.key
    if found is None:
        return None
    line, column = workflow.document.place(found.start)
    return Span(found.start, found.end, line, column)


def _only_pushes(filters: AnyNode) -> bool:
    types = filters.get("types") if isinstance(filters, Mapping) else None
    node = None if types is None else resolved(types)
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return True
    items = [resolved(item) for item in node.items] if isinstance(node, Sequence) else [node]
    return all(isinstance(item, Scalar) and item.value in _PUSHED for item in items)
