"""Edits of a job's `needs`, whichever of its three forms was written."""

from __future__ import annotations

from makespan_optimizer.workflow.model import Job, Workflow
from makespan_optimizer.yaml.edits import Edit, append_entries, insert_items, remove_entry, remove_item, replace_value
from makespan_optimizer.yaml.layout import EditError
from makespan_optimizer.yaml.nodes import Scalar, Sequence


def drop_need(workflow: Workflow, job: Job, need: str) -> Edit:
    """Remove one job id from a job's `needs`; the key goes with the last one."""
    node = job.node.get("needs")
    path = ("jobs", job.job_id)
    left = [other for other in job.needs if other.lower() != need.lower()]
    if not left or isinstance(node, Scalar):
        return remove_entry(workflow.document, path, "needs")
    if isinstance(node, Sequence) and not node.flow and len(left) == len(node.items) - 1:
        index = next(index for index, other in enumerate(job.needs) if other.lower() == need.lower())
        return remove_item(workflow.document, (*path, "needs"), index)
    return replace_value(workflow.document, (*path, "needs"), _flow(left))


def add_need(workflow: Workflow, job: Job, need: str) -> Edit:
    """Add one job id to a job's `needs`."""
    node = job.node.get("needs")
    path = ("jobs", job.job_id)
    if node is None or not job.needs:
        first = job.node.entries[0].key.value
        after = "name" if job.node.get("name") is not None else first
        return append_entries(workflow.document, path, f"needs: {need}\n", after=after)
    if isinstance(node, Sequence) and not node.flow:
        return insert_items(workflow.document, (*path, "needs"), len(node.items), f"- {need}\n")
    return replace_value(workflow.document, (*path, "needs"), _flow([*job.needs, need]))


def set_needs(workflow: Workflow, job: Job, needs: list[str]) -> list[Edit]:
    """Make `needs` of a job that has some equal to a shorter or changed list."""
    if not needs:
        return [remove_entry(workflow.document, ("jobs", job.job_id), "needs")]
    node = job.node.get("needs")
    if isinstance(node, Sequence) and not node.flow:
        return _set_block(workflow, job, needs)
    text = needs[0] if len(needs) == 1 and isinstance(node, Scalar) else _flow(needs)
    return [replace_value(workflow.document, ("jobs", job.job_id, "needs"), text)]


def _set_block(workflow: Workflow, job: Job, needs: list[str]) -> list[Edit]:
    path = ("jobs", job.job_id, "needs")
    missing = [need for need in needs if need not in job.needs]
    surplus = [index for index, need in enumerate(job.needs) if need not in needs]
    if missing and len(surplus) >= len(missing):
        # Put what is new in the place of what goes: the list's form and comments stay.
        edits = [
            replace_value(workflow.document, (*path, index), need)
            for index, need in zip(surplus, missing, strict=False)
        ]
        return edits + [remove_item(workflow.document, path, index) for index in surplus[len(missing) :]]
    if missing:
        raise EditError(f"{workflow.file}: the needs of {job.job_id!r} cannot be rewritten")
    return [remove_item(workflow.document, path, index) for index in surplus]


def _flow(needs: list[str]) -> str:
    return "[" + ", ".join(needs) + "]"
