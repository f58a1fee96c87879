"""Which environment, shell and directory a step has, of all that the file says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from makespan_optimizer.workflow.model import Job, Step, Workflow
from makespan_optimizer.workflow.places import Pairs

Scope = Literal["workflow", "job", "step"]


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as the innermost scope that sets it says.

    Attributes:
        text: With its expressions.
    """

    name: str
    text: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class StepEnvironment:
    """What a file says of the environment of a step.

    A step may write to `GITHUB_ENV`; for later steps of its job that wins over `env` of the workflow and the job, and
    `env` of a step wins over it ("Workflow commands", setting an environment variable).

    Attributes:
        variables: In the order of first mention, from the outermost scope in.
        is_complete: False where an expression yields all of an `env`, so that there may be more.
    """

    variables: tuple[Variable, ...]
    is_complete: bool

    def variable(self, name: str) -> Variable | None:
        """A variable by its exact name (Windows runners compare without case)."""
        return next((one for one in self.variables if one.name == name), None)


def environment_of(workflow: Workflow, job: Job, step: Step | None = None) -> StepEnvironment:
    """The environment of a step, or of a job's expressions without one: step over job over workflow."""
    scopes: list[tuple[Scope, Pairs]] = [("workflow", workflow.env), ("job", job.env)]
    if step is not None:
        scopes.append(("step", step.env))
    found: dict[str, Variable] = {}
    is_complete = True
    for scope, pairs in scopes:
        for name, text in pairs:
            if name:
                found[name] = Variable(name, text, scope)
            else:
                is_complete = False
    return StepEnvironment(tuple(found.values()), is_complete)


def shell_of(workflow: Workflow, job: Job, step: Step) -> str | None:
    """The shell of a `run` step; None for the runner's own (bash without pipefail, or PowerShell on Windows)."""
    return step.shell or job.defaults.shell or workflow.defaults.shell


def working_directory_of(workflow: Workflow, job: Job, step: Step) -> str | None:
    """The directory of a `run` step, from the workspace; None for the workspace itself."""
    return step.working_directory or job.defaults.working_directory or workflow.defaults.working_directory
