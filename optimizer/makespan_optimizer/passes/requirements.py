"""Which files decide what an install puts in place, and whether they pin it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from makespan_optimizer.passes.evidence import ReadFile
from makespan_optimizer.passes.setup_commands import Command, in_workspace

# `name[extra] == 1.2` (PEP 440 exact), or a direct reference to one file or commit.
_PINNED = re.compile(
    r"^[A-Za-z0-9._-]+(?:\[[^\]]*\])?\s*={2,3}\s*[^\s*,]+$|@\s*(?:https?|git\+https?)://\S*(?:@|#|/)[0-9a-f]{40}"
)
# Installers themselves: an upgrade of them runs whatever the cache holds.
_INSTALLERS = frozenset({"pip", "setuptools", "wheel"})
_VALUE_OPTIONS = frozenset(
    {"-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-t", "--target", "--prefix"}
)
_LOCK_FILES = {
    "npm": ("package-lock.json",),
    "yarn": ("yarn.lock",),
    "pnpm": ("pnpm-lock.yaml",),
    "poetry": ("poetry.lock",),
    "pipenv": ("Pipfile.lock",),
    "bundle": ("Gemfile.lock",),
}
# Without one of these, the tool may rewrite its lock file instead of obeying it.
_FROZEN = {
    "yarn": ("--frozen-lockfile", "--immutable"),
    "pnpm": ("--frozen-lockfile",),
    "pipenv": ("sync", "--deploy"),
    "uv": ("--frozen", "--locked"),
}
_PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")


@dataclass(frozen=True, slots=True)
class Requirements:
    """What decides an install.

    Attributes:
        paths: Files from the workspace's root that a cache key must cover.
        loose: Why the same commands may install something else tomorrow; empty when everything is pinned.
    """

    paths: tuple[str, ...]
    loose: str


def requirements_of(commands: Iterable[Command], directory: str, files: ReadFile) -> Requirements:
    """What decides a job's installs.

    Args:
        commands: The install commands; others are ignored.
        directory: Their working directory from the workspace's root.
        files: Reads the repository.
    """
    paths: dict[str, None] = {}
    reasons: list[str] = []
    for command in commands:
        if command.kind == "install":
            found = _of_pip(command, directory, files) if _is_pip(command) else _of_lock(command, directory, files)
            paths.update(dict.fromkeys(found.paths))
            if found.loose:
                reasons.append(found.loose)
    return Requirements(tuple(paths), reasons[0] if reasons else "")


def _is_pip(command: Command) -> bool:
    return command.tool == "pip" or (command.tool == "uv" and command.arguments[:1] != ("sync",))


def _of_lock(command: Command, directory: str, files: ReadFile) -> Requirements:
    tool = command.tool or "npm"
    names = ("uv.lock",) if tool == "uv" else _LOCK_FILES[tool]
    paths = tuple(posixpath.normpath(posixpath.join(directory, name)) for name in names)
    frozen = _FROZEN.get(tool)
    if frozen is not None and not any(word in command.arguments for word in frozen):
        return Requirements(paths, f"{tool} may change its lock file: none of {', '.join(frozen)} is given")
    missing = [path for path in paths if files(path) is None]
    return Requirements(paths, f"{missing[0]} could not be read" if missing else "")


def _of_pip(command: Command, directory: str, files: ReadFile) -> Requirements:
    paths: dict[str, None] = {}
    loose = ""
    words = list(command.arguments)
    while words:
        word = words.pop(0)
        name, has_value, value = word.partition("=")
        if word in _VALUE_OPTIONS and words:
            words.pop(0)
        elif name in ("-r", "--requirement", "-c", "--constraint"):
            file = value if has_value else (words.pop(0) if words else "")
            loose = _of_file(file, directory, files, paths) or loose
        elif word in ("-e", "--editable"):
            loose = _of_project(words.pop(0) if words else ".", directory, files, paths)
        elif word.startswith("-"):
            loose = _of_joined_option(word, directory, files, paths) or loose
        elif word.startswith("."):
            loose = _of_project(word, directory, files, paths)
        elif not _PINNED.search(word) and word not in _INSTALLERS:
            loose = f"{word} is not pinned to one version"
    return Requirements(tuple(paths), loose)


def _of_joined_option(word: str, directory: str, files: ReadFile, paths: dict[str, None]) -> str:
    """`-rfile` as one word."""
    if word.startswith(("-r", "-c")) and len(word) > 2:
        return _of_file(word[2:], directory, files, paths)
    return ""


def _of_project(word: str, directory: str, files: ReadFile, paths: dict[str, None]) -> str:
    base = posixpath.normpath(posixpath.join(directory, word.partition("[")[0]))
    candidates = [posixpath.normpath(posixpath.join(base, name)) for name in _PROJECT_FILES]
    present = [path for path in candidates if files(path) is not None] or candidates[:1]
    paths.update(dict.fromkeys(present))
    return f"the project's own dependencies ({word}) are not pinned"


def _of_file(file: str, directory: str, files: ReadFile, paths: dict[str, None]) -> str:
    path = in_workspace(directory, file)
    if path is None or "${{" in file:
        return f"{file} cannot be found from the workspace's root"
    if path in paths:
        return ""
    paths[path] = None
    text = files(path)
    if text is None:
        return f"{path} could not be read"
    return _of_lines(path, text, files, paths)


def _of_lines(path: str, text: str, files: ReadFile, paths: dict[str, None]) -> str:
    loose = ""
    for line in text.replace("\\\n", " ").splitlines():
        requirement = re.split(r"(?:^|\s)#", line)[0].strip()
        requirement = re.split(r"\s--hash", requirement)[0].strip()
        if not requirement:
            continue
        option = re.match(r"(?:-r|--requirement|-c|--constraint)[\s=]*(\S+)", requirement)
        if option:
            loose = _of_file(option[1], posixpath.dirname(path) or ".", files, paths) or loose
        elif requirement.startswith(("-e", "--editable", ".")):
            loose = f"{path} installs a project whose dependencies are not pinned"
        elif not requirement.startswith("-") and not _PINNED.search(requirement.partition(";")[0].strip()):
            loose = f"{requirement.partition(';')[0].strip()} in {path} is not pinned to one version"
    return loose
