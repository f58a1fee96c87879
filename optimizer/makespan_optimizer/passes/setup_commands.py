"""Reads the plain commands of set-up steps: virtual environments and dependency installs.

Only what is plainly one of the known commands counts; a line with substitutions, pipes or control flow
is `other`.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import Literal

from makespan_optimizer.workflow.model import Job, Step, Workflow

CommandKind = Literal["venv", "activate", "install", "quiet", "other"]
Tool = Literal["pip", "uv", "npm", "yarn", "pnpm", "poetry", "pipenv", "bundle"]

_SEPARATORS = re.compile(r"\s*(?:\n|&&|;)\s*")
_CONTINUATION = re.compile(r"\\\n[ \t]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_NOT_PLAIN = re.compile(r"[|<>`(){}]|\$\(|&(?!&)")
_PYTHON = re.compile(r"(?P<prefix>(?:.*/)?)(?:python|pypy)[0-9.]*$")
_PIP = re.compile(r"(?P<prefix>(?:.*/)?)pip[0-9.]*$")
# Shell words that change nothing a cache or a repetition could disturb.
_QUIET = frozenset({"echo", "set", "true", ":", "pwd", "ls", "which", "python --version"})


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        environment: Directory of the virtual environment it makes, enters or installs into, as written.
        arguments: What follows `install`, for an install.
    """

    kind: CommandKind
    tool: Tool | None = None
    environment: str | None = None
    arguments: tuple[str, ...] = ()


def read_commands(run: str) -> tuple[Command, ...]:
    """The commands of a `run` text, in order."""
    text = _CONTINUATION.sub(" ", run.replace("\r\n", "\n"))
    commands: list[Command] = []
    active: str | None = None
    for part in _SEPARATORS.split(text.strip()):
        if not part or part.startswith("#"):
            continue
        if not _is_closed(part) or "<<" in part:
            # A quotation or here-document that runs over lines: what stands in it is not a command of this shell.
            return (Command("other"),)
        command = _command(part, active)
        if command.kind == "activate":
            active = command.environment
        commands.append(command)
    return tuple(commands)


def is_pure_setup(commands: tuple[Command, ...]) -> bool:
    """Whether a step does nothing but set up an environment."""
    return any(command.kind in ("venv", "install") for command in commands) and all(
        command.kind != "other" for command in commands
    )


def effective_directory(workflow: Workflow, job: Job, step: Step) -> str | None:
    """The step's working directory from the workspace (`.` for its root); None when an expression decides it."""
    directory = step.working_directory or job.defaults.working_directory or workflow.defaults.working_directory or "."
    if "${{" in directory or "$" in directory:
        return None
    return posixpath.normpath(directory)


def in_workspace(directory: str, path: str) -> str | None:
    """`path` as seen from the workspace; None when it lies outside or cannot be told."""
    if path.startswith(("/", "~")) or "$" in path:
        return None
    joined = posixpath.normpath(posixpath.join(directory, path))
    return None if joined.startswith(("..", "/")) or joined == "." else joined


def _command(text: str, active: str | None) -> Command:
    if _NOT_PLAIN.search(_without_expressions(text)):
        return Command("other")
    words = shlex.split(text, comments=True)
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    if not words:
        return Command("quiet")
    if words[0] in ("source", ".") and len(words) == 2 and words[1].endswith("/bin/activate"):
        return Command("activate", environment=words[1].removesuffix("/bin/activate"))
    if words[0] in _QUIET:
        return Command("quiet")
    return _venv(words) or _pip(words, active) or _uv(words) or _locked(words) or Command("other")


def _is_closed(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def _without_expressions(text: str) -> str:
    return re.sub(r"\$\{\{.*?\}\}", "", text)


def _venv(words: list[str]) -> Command | None:
    if _PYTHON.match(words[0]) and words[1:3] == ["-m", "venv"]:
        rest = words[3:]
    elif words[0] == "virtualenv":
        rest = words[1:]
    elif words[:2] == ["uv", "venv"]:
        rest = words[2:] or [".venv"]
    else:
        return None
    targets = [word for word in rest if not word.startswith("-")]
    tool: Tool = "uv" if words[0] == "uv" else "pip"
    # `--clear` empties the directory: nothing restored into it would survive.
    plain = len(targets) == 1 and "--clear" not in rest
    return Command("venv", tool, targets[0] if plain else None, tuple(rest))


def _pip(words: list[str], active: str | None) -> Command | None:
    python, pip = _PYTHON.match(words[0]), _PIP.match(words[0])
    if python and words[1:4] == ["-m", "pip", "install"]:
        prefix, rest = python["prefix"], words[4:]
    elif pip and words[1:2] == ["install"]:
        prefix, rest = pip["prefix"], words[2:]
    else:
        return None
    environment = prefix.removesuffix("bin/").rstrip("/") if prefix.endswith("bin/") else active
    if prefix.startswith("/"):
        environment = prefix
    return Command("install", "pip", environment or None, tuple(rest))


def _uv(words: list[str]) -> Command | None:
    if words[:3] == ["uv", "pip", "install"]:
        return Command("install", "uv", arguments=tuple(words[3:]))
    if words[:2] == ["uv", "sync"]:
        return Command("install", "uv", arguments=tuple(words[1:]))
    return None


def _locked(words: list[str]) -> Command | None:
    rest = tuple(words[1:])
    if words[0] == "npm" and "ci" in words[1:2]:
        return Command("install", "npm", arguments=rest)
    if words[0] == "yarn" and (not rest or rest[0] == "install" or rest[0].startswith("--")):
        return Command("install", "yarn", arguments=rest)
    if words[0] == "pnpm" and rest[:1] in (("install",), ("i",)):
        return Command("install", "pnpm", arguments=rest)
    if words[0] == "poetry" and rest[:1] in (("install",), ("sync",)):
        return Command("install", "poetry", arguments=rest)
    if words[0] == "pipenv" and rest[:1] in (("install",), ("sync",)):
        return Command("install", "pipenv", arguments=rest)
    if words[:2] == ["bundle", "install"]:
        return Command("install", "bundle", arguments=rest)
    return None
