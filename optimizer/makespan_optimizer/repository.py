"""The repository around a workflow file, as far as passes read it."""

from __future__ import annotations

from pathlib import Path

from makespan_optimizer.passes.evidence import ReadFile

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
