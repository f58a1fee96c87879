"""Actions of the repository itself: `action.yml`, read and found by the steps that use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from makespan_model.errors import WorkflowError
from makespan_optimizer.workflow.fields import Fields
from makespan_optimizer.workflow.model import Step
from makespan_optimizer.workflow.places import OtherKey
from makespan_optimizer.workflow.steps import read_steps
from makespan_optimizer.workflow.triggers import Input, Output, read_inputs, read_outputs
from makespan_optimizer.yaml.nodes import Document, Mapping, resolved
from makespan_optimizer.yaml.reading import parse_document

ReadFile = Callable[[str], str | None]
"""Text of a file by its path from the repository's root; None when there is none."""

MAX_DEPTH = 10
"""Composite actions inside one another: 9 below the first (`CompositeActionsMaxDepth` of the runner)."""
_FILES = ("action.yml", "action.yaml")
_KEYS = ("name", "author", "description", "inputs", "outputs", "runs", "branding")
_RUNS_KEYS = ("using", "steps", "main", "pre", "pre-if", "post", "post-if", "image", "entrypoint", "args", "env")


@dataclass(frozen=True, slots=True)
class Action:
    """An action's file.

    Attributes:
        using: `composite`, `docker`, `node20`, …, as written.
        steps: Of a composite action, in order.
        main: Script of a JavaScript action, or the image of a container action.
        others: Keys without a field here, of the action and of `runs`.
    """

    file: str
    name: str | None
    description: str | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    using: str
    main: str | None
    steps: tuple[Step, ...]
    others: tuple[OtherKey, ...]
    document: Document = field(repr=False, compare=False)

    @property
    def is_composite(self) -> bool:
        """Whether its steps are in the file."""
        return self.using == "composite"

    def missing_inputs(self, step: Step) -> tuple[str, ...]:
        """Inputs that are required, have no default and are not given by a step; GitHub runs it all the same."""
        return tuple(
            one.name
            for one in self.inputs
            if one.required is True and one.default is None and step.input(one.name) is None
        )


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A use whose steps are not known, and why."""

    uses: str
    reason: str


def read_action(text: str, *, file: str) -> Action:
    """Read an action's file.

    Raises:
        WorkflowError: Not YAML, or no action; says what and where.
    """
    document = parse_document(text, file=file)
    root = None if document.root is None else resolved(document.root)
    if not isinstance(root, Mapping):
        raise document.error("an action must be a mapping with the key 'runs'", root.start if root else 0)
    top = Fields(document, root, "the action")
    runs = top.mapping("runs")
    if runs is None:
        raise document.error("the action has no 'runs' key", root.start)
    using = runs.text("using")
    if using is None:
        raise document.error("'runs' of the action has no 'using' key", runs.node.start)
    composite = using == "composite"
    if composite and "steps" not in runs:
        raise document.error("'runs' of a composite action has no 'steps'", runs.node.start)
    steps = tuple(read_steps(runs)) if composite else ()
    for step in steps:
        _check_composite_step(document, step)
    return Action(
        file=file,
        name=top.text("name"),
        description=top.text("description"),
        inputs=read_inputs(top),
        outputs=read_outputs(top),
        using=using,
        main=runs.text("image") if using == "docker" else runs.text("main"),
        steps=steps,
        others=(*top.others(_KEYS), *runs.others((*_RUNS_KEYS, "pre-entrypoint", "post-entrypoint"))),
        document=document,
    )


def _check_composite_step(document: Document, step: Step) -> None:
    if step.control is not None or step.background:
        what = step.control or "background"
        raise document.error(f"{what!r} is not allowed in a composite action", step.span.start)
    if step.run is not None and step.shell is None:
        raise document.error("a 'run' step of a composite action must name its 'shell'", step.span.start)


def is_local(uses: str) -> bool:
    """Whether a `uses` names something of the repository it stands in."""
    return uses.startswith(("./", ".\\", "$/"))


def local_path(uses: str) -> str:
    """Path from the repository's root of a local `uses`."""
    return PurePosixPath(uses[2:].replace("\\", "/")).as_posix()


def resolve_action(uses: str, read: ReadFile) -> Action | Unresolved:
    """The action that a step uses.

    A local path is taken from the repository's root, where `actions/checkout` puts it without a `path`.

    Raises:
        WorkflowError: The file is there and broken.
    """
    if not is_local(uses):
        return Unresolved(uses, "it lies in another repository" if "://" not in uses else "it is a container image")
    folder = local_path(uses)
    for name in _FILES:
        path = name if folder == "." else f"{folder}/{name}"
        text = read(path)
        if text is not None:
            return read_action(text, file=path)
    return Unresolved(uses, f"{folder}/action.yml is not in the repository")


def executed_steps(step: Step, read: ReadFile) -> Iterator[tuple[tuple[Step, ...], Step | Unresolved]]:
    """The steps a step comes down to, those of local composite actions instead of the step that uses them.

    Yields:
        The steps it lies in from the outside in, and a step that runs, or a use whose steps are not known.
    """
    yield from _executed(step, read, ())


def _executed(
    step: Step, read: ReadFile, outer: tuple[Step, ...]
) -> Iterator[tuple[tuple[Step, ...], Step | Unresolved]]:
    if step.parallel:
        for inner in step.parallel:
            yield from _executed(inner, read, (*outer, step))
        return
    if step.uses is None:
        yield outer, step
        return
    found = _resolved(step.uses, read, outer)
    if isinstance(found, Unresolved):
        yield outer, found
        return
    if not found.is_composite:
        yield outer, step
        return
    for inner in found.steps:
        yield from _executed(inner, read, (*outer, step))


def _resolved(uses: str, read: ReadFile, outer: tuple[Step, ...]) -> Action | Unresolved:
    if any(
        step.uses is not None and is_local(step.uses) and local_path(step.uses) == local_path(uses) for step in outer
    ):
        return Unresolved(uses, "it uses itself")
    if len(outer) >= MAX_DEPTH:
        return Unresolved(uses, f"actions are nested deeper than {MAX_DEPTH}")
    try:
        return resolve_action(uses, read)
    except WorkflowError as fault:
        return Unresolved(uses, str(fault))
