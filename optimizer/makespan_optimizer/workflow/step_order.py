"""The order of steps within a job: one after the other, side by side, in the background.

A `parallel` step runs its steps side by side and ends with the last of them. A step with `background: true` runs on
while later ones do, until a `wait` for it, a `wait-all`, or the end of the job; its outputs and environment are seen by
steps after that only. As GitHub's parser reads them (npm @actions/workflow-parser 0.3.61, `allowBackgroundSteps`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from makespan_model.errors import WorkflowError
from makespan_model.matching import did_you_mean
from makespan_optimizer.workflow.model import Step
from makespan_optimizer.yaml.nodes import Document

StepPath = tuple[int, ...]
"""Position of a step in its job; of a step of a `parallel` step, that and its position there."""

_CONTROL_ONLY = {
    "wait": frozenset({"continue-on-error", "id", "name", "wait"}),
    "wait-all": frozenset({"continue-on-error", "id", "name", "wait-all"}),
    "cancel": frozenset({"cancel", "continue-on-error", "id", "name"}),
    "parallel": frozenset({"parallel"}),
}


def ended_before(steps: Sequence[Step]) -> Mapping[StepPath, frozenset[StepPath]]:
    """For each step, those that have certainly ended when it starts: what it can read the outputs of.

    A cancelled step may still be ending, and is not counted until something waits for it.
    """
    ended: set[StepPath] = set()
    running: dict[StepPath, str | None] = {}
    found: dict[StepPath, frozenset[StepPath]] = {}
    for position, step in enumerate(steps):
        path = (position,)
        inner = [(*path, place) for place in range(len(step.parallel))]
        found.update(dict.fromkeys([path, *inner], frozenset(ended)))
        if step.background:
            running[path] = step.step_id
            continue
        waits_for = _awaited(step, running)
        ended.update(waits_for, [path], inner)
        for other in waits_for:
            del running[other]
    return found


def beside(steps: Sequence[Step]) -> frozenset[tuple[StepPath, StepPath]]:
    """Pairs of steps that may run at the same time, the earlier one first."""
    ended = ended_before(steps)
    paths = [path for path in ended if not (len(path) == 1 and steps[path[0]].control)]
    return frozenset(
        (left, right)
        for number, right in enumerate(paths)
        for left in paths[:number]
        if left not in ended[right] and right[:1] != left
    )


def check_step_order(document: Document, steps: Sequence[Step], what: str) -> None:
    """Refuse what GitHub refuses of parallel and background steps.

    Raises:
        WorkflowError: With its place.
    """
    known: list[str] = []
    for step in steps:
        _check_keys(document, step)
        if step.step_id is not None:
            known.append(step.step_id)
        for target in step.targets:
            _check_target(document, step, target, known, what)
        for inner in step.parallel:
            if inner.control or "background" in _keys(inner):
                key = inner.control or "background"
                raise _error(document, inner, f"{key!r} is not allowed inside a 'parallel' step")
            _check_keys(document, inner)


def _awaited(step: Step, running: Mapping[StepPath, str | None]) -> list[StepPath]:
    if step.control == "wait-all":
        return list(running)
    return [path for path, name in running.items() if name in step.targets] if step.control == "wait" else []


def _check_keys(document: Document, step: Step) -> None:
    allowed = _CONTROL_ONLY.get(step.control or "")
    if allowed is None:
        return
    for entry in step.node.entries:
        if entry.key.value not in allowed:
            raise document.error(f"a {step.control!r} step takes no {entry.key.value!r}", entry.key.start)
    if step.control == "wait-all" and not step.waits_for_all:
        raise _error(document, step, "'wait-all' must be true or left empty")


def _check_target(document: Document, step: Step, target: str, known: list[str], what: str) -> None:
    if target.startswith("__"):
        raise _error(document, step, f"{step.control!r} names {target!r}: ids that begin with '__' are GitHub's own")
    if step.step_id is not None and target.lower() == step.step_id.lower():
        raise _error(document, step, f"{step.control!r} names the step itself")
    if target not in known:
        hint = did_you_mean(target, known)
        raise _error(document, step, f"{step.control!r} names {target!r}, which is no earlier step of {what}{hint}")


def _keys(step: Step) -> set[str]:
    return {entry.key.value for entry in step.node.entries}


def _error(document: Document, step: Step, message: str) -> WorkflowError:
    return document.error(message, step.span.start)
