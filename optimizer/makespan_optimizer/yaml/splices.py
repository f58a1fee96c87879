"""Composes edits, applies them, and checks the result by parsing it again."""

from __future__ import annotations

from collections.abc import Sequence

from makespan_model.errors import WorkflowError
from makespan_optimizer.yaml.data import changed, value_of
from makespan_optimizer.yaml.edits import Edit
from makespan_optimizer.yaml.layout import EditError
from makespan_optimizer.yaml.nodes import Document
from makespan_optimizer.yaml.reading import parse_document


class EditConflictError(EditError):
    """Two edits want the same characters."""


def apply_edits(document: Document, edits: Sequence[Edit]) -> Document:
    """The document after all edits.

    Edits refer to the document as it is now. Deletions may overlap (comments and blank lines between two
    deleted neighbours); insertions at one place come in the order given.

    Raises:
        EditConflictError: Two edits overlap otherwise.
        EditError: The result does not parse, or its value differs from what the edits say.
    """
    text = splice(document, edits)
    try:
        after = parse_document(text, file=document.file)
    except WorkflowError as error:
        raise EditError(f"an edit would break the file: {error}") from error
    expected = changed(value_of(document.root), [change for edit in edits for change in edit.changes])
    if value_of(after.root) != expected:
        raise EditError(f"{document.file}: an edit would change more than it should")
    return after


def splice(document: Document, edits: Sequence[Edit]) -> str:
    """The text after all edits, unchecked.

    Raises:
        EditConflictError: Two edits overlap.
    """
    parts: list[str] = []
    done = 0
    deleting = False
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < done and not (deleting and not edit.text):
            line, column = document.place(edit.start)
            raise EditConflictError(f"{document.file}:{line}:{column}: two edits want the same characters")
        parts.append(document.text[done : max(done, edit.start)])
        parts.append(edit.text)
        done = max(done, edit.end)
        deleting = not edit.text
    parts.append(document.text[done:])
    return "".join(parts)
