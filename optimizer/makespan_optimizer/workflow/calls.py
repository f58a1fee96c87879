"""Reusable workflows: what a job that calls one runs, where it lies in the same repository."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from makespan_model.errors import WorkflowError
from makespan_model.matching import did_you_mean
from makespan_optimizer.workflow.actions import ReadFile, Unresolved, is_local, local_path
from makespan_optimizer.workflow.model import Job, Workflow
from makespan_optimizer.workflow.reading import read_workflow

MAX_LEVELS = 10
"""Workflows that may be connected, the first one counted ("Reusing workflow configurations", limitations)."""
_FOLDER = ".github/workflows"


@dataclass(frozen=True, slots=True)
class CalledWorkflow:
    """A call that was followed.

    Attributes:
        path: From the repository's root.
        inputs: Name and text of every declared input that has one: given by the caller (with the caller's expressions),
            or its default (with the called workflow's).
        missing_inputs: Required and not given: GitHub refuses the call; the same for secrets.
        undeclared_inputs: Given and not declared: GitHub refuses the call; the same for secrets.
    """

    path: str
    workflow: Workflow
    inputs: tuple[tuple[str, str], ...]
    missing_inputs: tuple[str, ...]
    undeclared_inputs: tuple[str, ...]
    missing_secrets: tuple[str, ...]
    undeclared_secrets: tuple[str, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether what is passed is what the workflow takes."""
        return not (self.missing_inputs or self.undeclared_inputs or self.missing_secrets or self.undeclared_secrets)


def resolve_call(job: Job, read: ReadFile) -> CalledWorkflow | Unresolved | None:
    """The workflow that a job calls; None for a job with steps of its own.

    Args:
        job: Of a workflow in the repository.
        read: Text of a file by its path from the repository's root.

    Raises:
        WorkflowError: The called file is there and broken.
    """
    if job.uses is None:
        return None
    if not is_local(job.uses):
        return Unresolved(job.uses, "it lies in another repository")
    path = local_path(job.uses)
    if PurePosixPath(path).parent.as_posix() != _FOLDER:
        return Unresolved(job.uses, f"a reusable workflow must lie in {_FOLDER}")
    text = read(path)
    if text is None:
        return Unresolved(job.uses, f"{path} is not in the repository")
    workflow = read_workflow(text, file=path)
    interface = workflow.event("workflow_call")
    if interface is None:
        return Unresolved(job.uses, f"{path} has no trigger 'workflow_call'")
    given = {name.lower(): text for name, text in job.with_}
    declared = {one.name.lower() for one in interface.inputs}
    secrets = {name.lower() for name, _ in job.secrets}
    passes_all = job.inherits_secrets
    return CalledWorkflow(
        path=path,
        workflow=workflow,
        inputs=tuple(
            (one.name, text)
            for one in interface.inputs
            if (text := given.get(one.name.lower(), one.default)) is not None
        ),
        missing_inputs=tuple(
            one.name for one in interface.inputs if one.required is True and one.name.lower() not in given
        ),
        undeclared_inputs=tuple(name for name, _ in job.with_ if name.lower() not in declared),
        missing_secrets=tuple(
            one.name
            for one in interface.secrets
            if one.required is True and not passes_all and one.name.lower() not in secrets
        ),
        undeclared_secrets=tuple(
            name for name, _ in job.secrets if name.lower() not in {one.name.lower() for one in interface.secrets}
        ),
    )


def call_faults(workflow: Workflow, read: ReadFile) -> tuple[WorkflowError, ...]:
    """What GitHub would refuse in the calls of a workflow: what is passed is not what the called one takes.

    Files that are not at hand are not judged. A fault of a called file has its place in that file.
    """
    faults = []
    for job in workflow.jobs:
        try:
            found = resolve_call(job, read)
        except WorkflowError as fault:
            faults.append(fault)
            continue
        if isinstance(found, CalledWorkflow):
            faults += [_fault(workflow, job, what) for what in _mismatches(found)]
    return tuple(faults)


def _mismatches(call: CalledWorkflow) -> Iterator[str]:
    declared = call.workflow.event("workflow_call")
    assert declared is not None
    inputs, secrets = [one.name for one in declared.inputs], [one.name for one in declared.secrets]
    yield from (f"does not pass the required input {name!r}" for name in call.missing_inputs)
    yield from (f"does not pass the required secret {name!r}" for name in call.missing_secrets)
    for what, names, known in (("input", call.undeclared_inputs, inputs), ("secret", call.undeclared_secrets, secrets)):
        yield from (f"passes {what} {name!r}, which is not declared{did_you_mean(name, known)}" for name in names)


def _fault(workflow: Workflow, job: Job, what: str) -> WorkflowError:
    node = job.node.get("uses")
    return workflow.document.error(
        f"job {job.job_id!r} calls {job.uses} and {what}", node.start if node else job.span.start
    )


def called_workflows(
    workflow: Workflow, read: ReadFile
) -> Iterator[tuple[tuple[str, ...], CalledWorkflow | Unresolved]]:
    """All calls of a workflow and of those it calls.

    Yields:
        Ids of the calling jobs from the outermost in, and what the last of them calls; a broken, circular or too deep
        call is `Unresolved`.
    """
    yield from _calls(workflow, read, (), (workflow.file,))


def _calls(
    workflow: Workflow, read: ReadFile, jobs: tuple[str, ...], files: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], CalledWorkflow | Unresolved]]:
    for job in workflow.jobs:
        if job.uses is None:
            continue
        path = (*jobs, job.job_id)
        found = _resolved(job, read, files)
        yield path, found
        if isinstance(found, CalledWorkflow):
            yield from _calls(found.workflow, read, path, (*files, found.path))


def _resolved(job: Job, read: ReadFile, files: tuple[str, ...]) -> CalledWorkflow | Unresolved:
    assert job.uses is not None
    if is_local(job.uses) and local_path(job.uses) in files:
        return Unresolved(job.uses, "it calls itself")
    if len(files) >= MAX_LEVELS:
        return Unresolved(job.uses, f"more than {MAX_LEVELS} workflows are connected")
    try:
        found = resolve_call(job, read)
    except WorkflowError as fault:
        return Unresolved(job.uses, str(fault))
    assert found is not None
    return found
