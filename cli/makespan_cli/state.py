"""The folder where commands keep what outlives them."""

from __future__ import annotations

from pathlib import Path

STATE_FOLDER = ".makespan"


def state_folder(directory: Path) -> Path:
    """`.makespan` below `directory`, made when missing; git and act are told to leave it alone."""
    folder = directory / STATE_FOLDER
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", "utf-8")
    return folder.absolute()
