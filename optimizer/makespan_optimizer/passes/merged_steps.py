"""The text of one job's steps as part of another job, under conditions that keep the parts independent.

A step without a condition runs when nothing before it in its job failed. In a merged job that must mean:
nothing before it in its own part, and the shared set-up succeeded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from makespan_optimizer.expressions.conditions import bare_expression
from makespan_optimizer.passes.needs_edits import set_needs
from makespan_optimizer.workflow.model import Job, Step, Workflow
from makespan_optimizer.yaml.edits import Edit, append_entries, insert_items, remove_entry, replace_value
from makespan_optimizer.yaml.layout import EditError, blank_lines_before, child_block
from makespan_optimizer.yaml.nodes import Mapping
from makespan_optimizer.yaml.nodes import Sequence as SequenceNode
from makespan_optimizer.yaml.reading import parse_document
from makespan_optimizer.yaml.splices import apply_edits

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
# Conditions (without spaces) that hold whatever happened before: they mean the same in any job.
ALWAYS_RUNS: Final = frozenset({"always()", "${{always()}}", "!cancelled()", "${{!cancelled()}}"})


def merge_edits(workflow: Workflow, kept: Job, absorbed: Sequence[Job], shared: int, setup_id: str) -> list[Edit]:
    """Edits that move the steps after the first `shared` of the absorbed jobs to the end of `kept`."""
    document = workflow.document
    steps = ("jobs", kept.job_id, "steps")
    edits: list[Edit] = []
    setup = kept.steps[shared - 1]
    if setup.step_id is None:
        first = setup.node.entries[0].key.value
        edits.append(append_entries(document, (*steps, shared - 1), f"id: {setup_id}\n", after=first))
    text = "".join(part_text(workflow, job, shared, setup_id, [kept, *absorbed]) for job in absorbed)
    # The insertion sets itself apart like its neighbours; a blank line at its beginning would be one too many.
    edits.append(insert_items(document, steps, len(kept.steps), text.lstrip("\r\n")))
    gone = {job.job_id.lower() for job in absorbed}
    edits += [remove_entry(document, ("jobs",), job.job_id) for job in absorbed]
    for job in workflow.jobs:
        if job.job_id.lower() not in gone and any(need.lower() in gone for need in job.needs):
            renamed = [kept.job_id if need.lower() in gone else need for need in job.needs]
            edits += set_needs(workflow, job, list(dict.fromkeys(renamed)))
    return edits


def part_text(workflow: Workflow, job: Job, shared: int, setup_id: str, jobs: Sequence[Job]) -> str:
    """The own steps of an absorbed job without indentation, ids and conditions set, blank lines before them kept."""
    own = job.steps[shared:]
    ids = {step.index: step.step_id or free_id(f"{job.job_id}-{n + 1}", jobs) for n, step in enumerate(own)}
    conditions = {step.index: _condition(own, step, setup_id, ids) for step in own}
    read = {index for _, indexes in conditions.values() for index in indexes}
    parts = []
    for step in own:
        added_id = ids[step.index] if step.index in read and step.step_id is None else None
        parts.append(_with_condition(_item_text(workflow, job, step), conditions[step.index][0], added_id))
    return "".join(parts)


def free_id(wanted: str, jobs: Sequence[Job]) -> str:
    """`wanted`, or the first numbered variant that no step of the jobs has."""
    taken = {step.step_id.lower() for job in jobs for step in job.steps if step.step_id is not None}
    candidates = [wanted, *(f"{wanted}-{n}" for n in range(2, len(taken) + 3))]
    return next(name for name in candidates if name.lower() not in taken)


def _condition(
    own: Sequence[Step], step: Step, setup_id: str, ids: dict[int, str]
) -> tuple[str | None, frozenset[int]]:
    """The condition of a moved step (None keeps its own), and the positions of the steps it reads."""
    if step.condition is not None and step.condition.replace(" ", "") in ALWAYS_RUNS:
        return None, frozenset()
    terms = ["!cancelled()"]
    read: set[int] = set()
    earlier = [other for other in own if other.index < step.index]
    # A step without a condition that succeeded tells that everything before it in its part did.
    anchor = next((other for other in reversed(earlier) if other.condition is None), None)
    if anchor is None:
        terms.append(f"steps.{setup_id}.conclusion == 'success'")
    else:
        terms.append(f"steps.{ids[anchor.index]}.conclusion == 'success'")
        read.add(anchor.index)
    for other in earlier:
        if anchor is None or other.index > anchor.index:
            terms.append(f"steps.{ids[other.index]}.conclusion != 'failure'")
            read.add(other.index)
    if step.condition is not None:
        bare = bare_expression(step.condition)
        if bare is None:
            raise EditError(f"the condition {step.condition!r} cannot be combined with another")
        terms.append(f"({bare})")
    return " && ".join(terms), frozenset(read)


def _item_text(workflow: Workflow, job: Job, step: Step) -> str:
    """The lines of a step, comments included, without the sequence's indentation."""
    node = job.steps_node
    assert isinstance(node, SequenceNode)
    document = workflow.document
    block = child_block(document, node, step.index)
    gap = "\n" if blank_lines_before(document, block.start) < block.start else ""
    lines = _LINE_BREAK.split(document.text[block.start : block.end].rstrip("\r\n"))
    return gap + "\n".join(line[min(block.column, len(line) - len(line.lstrip(" "))) :] for line in lines) + "\n"


def _with_condition(text: str, condition: str | None, added_id: str | None) -> str:
    item = parse_document(text, file="(moved step)")
    if not isinstance(item.root, SequenceNode):
        raise EditError("a moved step is not an item of a sequence")
    step = item.root.items[0]
    if not isinstance(step, Mapping):
        raise EditError("a moved step is not a mapping")
    first = step.entries[0].key.value
    added = f"id: {added_id}\n" if added_id is not None else ""
    edits: list[Edit] = []
    if condition is not None and step.entry("if") is not None:
        edits.append(replace_value(item, (0, "if"), f"${{{{ {condition} }}}}"))
    elif condition is not None:
        added += f"if: ${{{{ {condition} }}}}\n"
    if added:
        edits.append(append_entries(item, (0,), added, after=first))
    return apply_edits(item, edits).text
