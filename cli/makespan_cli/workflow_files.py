"""Workflow files that a command is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from makespan_model.errors import InputError

if TYPE_CHECKING:
    from makespan_optimizer.workflow.model import Workflow


def read_github_workflow(file: Path) -> Workflow:
    """The GitHub workflow in a file.

    Raises:
        InputError: It cannot be read, or is written for another CI system, or is broken, then with its place.
    """
    from makespan_optimizer.dialects import GITLAB, dialect_of
    from makespan_optimizer.file_replacement import read_utf8
    from makespan_optimizer.workflow.reading import read_workflow

    text = read_utf8(file)
    if dialect_of(str(file)) is GITLAB:
        raise InputError(
            f"{file}: a GitLab configuration; this command takes GitHub workflows only (`makespan simulate` takes both)"
        )
    return read_workflow(text, file=str(file))
