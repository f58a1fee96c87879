"""What a cache for a job's installs must hold, where it must stand and what its key must cover."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from makespan_optimizer.passes.evidence import ReadFile
from makespan_optimizer.passes.requirements import Requirements, requirements_of
from makespan_optimizer.passes.setup_commands import (
    Command,
    effective_directory,
    in_workspace,
    is_pure_setup,
    read_commands,
)
from makespan_optimizer.workflow.model import Job, Step, Workflow

# Download caches of the tools on Linux, from their documentation.
_DOWNLOADS = {
    "pip": "~/.cache/pip",
    "uv": "~/.cache/uv",
    "npm": "~/.npm",
    "yarn": "~/.cache/yarn",
    "pnpm": "~/.local/share/pnpm/store",
    "poetry": "~/.cache/pypoetry",
    "pipenv": "~/.cache/pipenv",
    "bundle": "vendor/bundle",
}
_LINUX = re.compile(r"^(?:ubuntu[-\w.]*|(?:[\w.-]+, )*linux[\w.-]*(?:, [\w.-]+)*)$", re.IGNORECASE)
# Installs that leave no downloads behind, or make none worth keeping.
_SPARES = frozenset({"--no-cache-dir", "--no-deps", "--no-index"})
_PYTHON_TOOLS = ("pip", "uv", "poetry", "pipenv")


@dataclass(frozen=True, slots=True)
class CachePlan:
    """One cache of one job.

    Attributes:
        before: Position of the step it must stand before: the first that makes or fills what is cached.
        installs: Positions of the install steps it makes cheaper.
        path: What is cached.
        is_environment: Whether that is the finished environment; otherwise it is what was downloaded.
        python_step: Position of the `setup-python` step whose version belongs into the key.
        digest: 8 hexadecimal digits over the commands, the runner and the container.
        pure: Whether the steps do nothing but install.
    """

    before: int
    installs: tuple[int, ...]
    path: str
    is_environment: bool
    python_step: int | None
    digest: str
    requirements: Requirements
    pure: bool


@dataclass(frozen=True, slots=True)
class _Use:
    """One step that makes or fills what a cache could hold."""

    step: Step
    command: Command
    directory: str
    path: str
    is_environment: bool


def plan_cache(workflow: Workflow, job: Job, files: ReadFile) -> CachePlan | None:
    """The cache that would help a job's installs; None when there is no install, or no safe place for a cache."""
    if job.runs_on is None or not _LINUX.match(job.runs_on) or job.steps_node is None:
        return None
    uses = [use for step in job.steps for use in _uses(workflow, job, step)]
    installs = [use for use in uses if use.command.kind == "install"]
    if not installs:
        return None
    # The finished environment is worth more than the downloads that went into it.
    chosen = next((use for use in installs if use.is_environment), installs[0])
    group = [use for use in uses if use.path == chosen.path]
    if chosen.is_environment and not any(use.command.kind == "venv" for use in group):
        return None
    before = min(use.step.index for use in group)
    if not _has_checkout(job, before, max(use.step.index for use in group)):
        return None
    return _plan(job, chosen, group, before, files)


def _plan(job: Job, chosen: _Use, group: list[_Use], before: int, files: ReadFile) -> CachePlan | None:
    texts = [use.step.run or "" for use in group]
    if chosen.is_environment and any("${{" in text for text in texts):
        # The key could not tell two such environments apart.
        return None
    commands = [use.command for use in group]
    container = "" if job.container is None else job.container.canonical
    digest = hashlib.sha256("\0".join([*texts, job.runs_on or "", container]).encode()).hexdigest()[:8]
    steps = dict.fromkeys(use.step.index for use in group if use.command.kind == "install")
    return CachePlan(
        before=before,
        installs=tuple(steps),
        path=chosen.path,
        is_environment=chosen.is_environment,
        python_step=_python_step(job, before) if chosen.command.tool in _PYTHON_TOOLS else None,
        digest=digest,
        requirements=requirements_of(commands, chosen.directory, files),
        pure=all(is_pure_setup(read_commands(text)) for text in texts),
    )


def _uses(workflow: Workflow, job: Job, step: Step) -> list[_Use]:
    directory = effective_directory(workflow, job, step)
    if step.run is None or step.condition is not None or directory is None or step.background:
        return []
    found = []
    for command in read_commands(step.run):
        environment = in_workspace(directory, command.environment) if command.environment else None
        if command.kind == "venv" and environment is not None:
            found.append(_Use(step, command, directory, environment, is_environment=True))
        elif command.kind == "install" and command.tool is not None and not _SPARES & set(command.arguments):
            path = environment or _DOWNLOADS[command.tool]
            found.append(_Use(step, command, directory, path, is_environment=environment is not None))
    return found


def _has_checkout(job: Job, before: int, last: int) -> bool:
    """A plain checkout stands before the cache; one between it and the install would delete what came back."""
    checkouts = [step for step in job.steps if step.action == "actions/checkout"]
    plain = all(step.input("path") is None and step.input("repository") is None for step in checkouts)
    before_it = any(step.index < before and step.condition is None for step in checkouts)
    return plain and before_it and not any(before <= step.index <= last for step in checkouts)


def _python_step(job: Job, before: int) -> int | None:
    steps = [
        step.index for step in job.steps[:before] if step.action == "actions/setup-python" and step.condition is None
    ]
    return steps[-1] if steps else None
