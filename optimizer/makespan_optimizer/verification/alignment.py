"""Everything outside what the claims cover is there byte for byte, comments included.

Recomputed from the two texts: what the claims allow to change is cut out of both, and what is left must
be equal. Blank lines and comments directly at a removed node may have gone with it.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf

from makespan_optimizer.claims import (
    AddedCache,
    AddedConcurrency,
    AddedNeed,
    AddedStepId,
    AddedTimeout,
    Claim,
    DroppedDuplicate,
    DroppedNeed,
    MergedJobs,
)
from makespan_optimizer.verification.facts import JobFacts, WorkflowFacts
from makespan_optimizer.yaml.nodes import AnyNode, Entry, Mapping, Scalar, Sequence, resolved

_Range = tuple[int, int]
_CUT = "\0"
"""Stands for a cut; no YAML file may contain it."""


def check_alignment(before: WorkflowFacts, after: WorkflowFacts, claims: SequenceOf[Claim]) -> Iterator[str]:
    """Problems with untouched text, one sentence each."""
    old = _without(before.document.text, list(_allowed(before, after, claims, is_before=True)))
    new = _without(after.document.text, list(_allowed(after, before, claims, is_before=False)))
    left, right = _lines(old), _lines(new)
    beside = [_CUT in line for line in old.splitlines()]
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        gone, added = _written(left[start:end]), _written(right[new_start:new_end])
        if added:
            yield f"the line {added[0]!r} is new or changed"
        elif gone and not (any(beside[start : end + 1]) and all(line.startswith("#") for line in gone)):
            yield f"the line {gone[0]!r} is gone"
    yield from _check_moved_comments(before, after, claims)


def _allowed(
    workflow: WorkflowFacts, other: WorkflowFacts, claims: SequenceOf[Claim], *, is_before: bool
) -> Iterator[_Range]:
    for claim in claims:
        if isinstance(claim, DroppedDuplicate) and is_before:
            job = workflow.jobs.get(claim.job_id.lower())
            if job is not None and claim.index < len(job.steps):
                yield _item_lines(workflow, job, claim.index)
        elif isinstance(claim, AddedCache) and not is_before:
            yield from _new_caches(workflow, other, claim.job_id.lower())
        elif isinstance(claim, AddedStepId) and not is_before:
            yield from _new_ids(workflow, claim)
        elif isinstance(claim, AddedTimeout) and not is_before:
            job = workflow.jobs.get(claim.job_id.lower())
            yield from _key_lines(workflow, None if job is None else job.entry.value, "timeout-minutes")
        elif isinstance(claim, AddedConcurrency) and not is_before:
            yield from _key_lines(workflow, workflow.document.root, "concurrency")
        elif isinstance(claim, DroppedNeed | AddedNeed):
            yield from _needs(workflow, other, claim.job_id.lower())
        elif isinstance(claim, MergedJobs):
            yield from _merged(workflow, other, claim, is_before=is_before)


def _new_caches(workflow: WorkflowFacts, before: WorkflowFacts, name: str) -> Iterator[_Range]:
    old = [step.values for step in before.jobs[name].steps] if name in before.jobs else []
    for index, step in enumerate(workflow.jobs[name].steps if name in workflow.jobs else ()):
        if (step.text("uses") or "").startswith("actions/cache@") and step.values not in old:
            yield _item_lines(workflow, workflow.jobs[name], index)


def _new_ids(workflow: WorkflowFacts, claim: AddedStepId) -> Iterator[_Range]:
    job = workflow.jobs.get(claim.job_id.lower())
    for step in job.steps if job is not None else ():
        entry = step.node.entry("id")
        if entry is not None and step.text("id") == claim.step_id:
            yield _entry_lines(workflow, entry)


def _key_lines(workflow: WorkflowFacts, node: AnyNode | None, key: str) -> Iterator[_Range]:
    mapping = None if node is None else resolved(node)
    entry = mapping.entry(key) if isinstance(mapping, Mapping) else None
    if entry is not None:
        yield _entry_lines(workflow, entry)


def _needs(workflow: WorkflowFacts, other: WorkflowFacts, name: str) -> Iterator[_Range]:
    entry = _needs_entry(workflow, name)
    if entry is None:
        return
    if _needs_entry(other, name) is None:
        yield _entry_lines(workflow, entry)
        return
    value = resolved(entry.value)
    if isinstance(value, Sequence) and not value.flow:
        # Of a list with one line for each need, only the lines of needs that came or went.
        kept = other.jobs[name].needs
        for item in value.items:
            text = resolved(item)
            if not isinstance(text, Scalar) or text.value.lower() not in kept:
                yield _line(workflow, item.start)
    else:
        yield entry.value.start, entry.value.end


def _merged(workflow: WorkflowFacts, other: WorkflowFacts, claim: MergedJobs, *, is_before: bool) -> Iterator[_Range]:
    gone = {name.lower() for name in claim.absorbed}
    for name, job in workflow.jobs.items():
        if name in gone and is_before:
            start, _ = _line(workflow, job.entry.key.start)
            yield start, _line(workflow, max(job.entry.value.end - 1, start))[1]
        elif name == claim.kept.lower() and not is_before and name in other.jobs:
            own = len(other.jobs[name].steps)
            comments = {line for part in gone & other.jobs.keys() for line in _comments(other.jobs[part].source)}
            for index in range(own, len(job.steps)):
                yield _with_comments(workflow, _item_lines(workflow, job, index), comments)
    old = workflow if is_before else other
    for name, job in old.jobs.items():
        if name not in gone and job.needs & gone and name in workflow.jobs:
            yield from _needs(workflow, other, name)


def _check_moved_comments(before: WorkflowFacts, after: WorkflowFacts, claims: SequenceOf[Claim]) -> Iterator[str]:
    for claim in claims:
        if not isinstance(claim, MergedJobs):
            continue
        for name in claim.absorbed:
            job = before.jobs.get(name.lower())
            if job is None or len(job.steps) <= claim.shared_steps:
                continue
            begin = job.steps[claim.shared_steps - 1].node.end
            moved = Counter(_comments(before.document.text[begin : job.entry.value.end]))
            if moved - Counter(_comments(after.document.text)):
                yield f"a comment in the steps of {name!r} is gone"


def _comments(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip().startswith("#"):
            yield line.strip()


def _needs_entry(workflow: WorkflowFacts, name: str) -> Entry | None:
    job = workflow.jobs.get(name)
    node = None if job is None else resolved(job.entry.value)
    return node.entry("needs") if isinstance(node, Mapping) else None


def _item_lines(workflow: WorkflowFacts, job: JobFacts, index: int) -> _Range:
    node = job.steps[index].node
    start, _ = _line(workflow, node.start)
    # The dash may stand on a line of its own above the step.
    while "-" not in workflow.document.text[start : node.start] and start > 0:
        start, _ = _line(workflow, start - 1)
    return start, _line(workflow, max(node.end - 1, node.start))[1]


def _with_comments(workflow: WorkflowFacts, lines: _Range, comments: set[str]) -> _Range:
    """With the known comments around the lines, which came along."""
    start, end = lines
    text = workflow.document.text
    while start > 0 and text[(above := _line(workflow, start - 1)[0]) : start].strip() in comments:
        start = above
    while end < len(text) and text[end : (below := _line(workflow, end)[1])].strip() in comments:
        end = below
    return start, end


def _entry_lines(workflow: WorkflowFacts, entry: Entry) -> _Range:
    start, _ = _line(workflow, entry.key.start)
    return start, _line(workflow, max(entry.value.end - 1, entry.key.start))[1]


def _line(workflow: WorkflowFacts, offset: int) -> _Range:
    line, _ = workflow.document.place(offset)
    starts = workflow.document.line_starts
    return starts[line - 1], starts[line] if line < len(starts) else len(workflow.document.text)


def _without(text: str, ranges: list[_Range]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in sorted(ranges):
        if start >= done:
            parts.append(text[done:start] + _CUT)
        done = max(done, end)
    parts.append(text[done:])
    return "".join(parts)


def _lines(text: str) -> list[str]:
    """Lines with their endings; the last one has one in any case, for a file may gain or lose lines at its end."""
    lines = [line.replace(_CUT, "") for line in text.splitlines(keepends=True)]
    while lines and not lines[-1].strip():
        lines.pop()
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += "\r\n" if lines[0].endswith("\r\n") else "\n"
    return lines


def _written(lines: SequenceOf[str]) -> list[str]:
    return [line.strip() for line in lines if line.strip()]
