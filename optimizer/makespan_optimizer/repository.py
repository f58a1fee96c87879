"""The repository around a workflow file, as far as passes and readers of workflows read it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from makespan_optimizer.passes.evidence import ReadFile, no_files

# Requirement and lock files are far smaller; anything larger is not one.
_MAX_BYTES = 16 * 1024 * 1024


def repository_root(file: Path) -> Path:
    """The folder that holds `.git` or `.github` above a workflow file; the file's own folder without one."""
    folder = file.resolve().parent
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists():
            return candidate
    if folder.name == "workflows" and folder.parent.name == ".github":
        return folder.parent.parent
    return folder


def file_reader(root: Path) -> ReadFile:
    """Reads text files below `root` and nothing else, whatever links or `..` a workflow names."""
    base = root.resolve()

    def read(path: str) -> str | None:
        try:
            target = (base / path).resolve()
            if not target.is_relative_to(base) or not target.is_file() or target.stat().st_size > _MAX_BYTES:
                return None
            return target.read_text("utf-8")
        except (OSError, ValueError):
            return None

    return read


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository to read from.

    Attributes:
        read: Text of a file by its path from the root.
        paths: Paths of all files from the root, sorted, with `/`; None when they cannot be listed.
    """

    read: ReadFile
    paths: Callable[[], tuple[str, ...] | None]


NO_REPOSITORY = Repository(no_files, lambda: None)
"""For a workflow whose repository is not at hand: what it includes is not known."""


def repository_at(root: Path) -> Repository:
    """The repository whose root is a folder on this machine; it is listed once, when somebody asks."""

    @cache
    def paths() -> tuple[str, ...]:
        found: list[str] = []
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if name != ".git"]
            inside = Path(folder).relative_to(root).as_posix()
            found += [name if inside == "." else f"{inside}/{name}" for name in files]
        return tuple(sorted(found))

    return Repository(file_reader(root), paths)
