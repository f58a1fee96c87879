"""Composes edits, applies them, and checks the result by parsing it again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from makespan_model.errors import WorkflowError
from makespan_optimizer.yaml.data import Value, changed, value_of
from makespan_optimizer.yaml.edits import Edit
from makespan_optimizer.yaml.layout import EditError
from makespan_optimizer.yaml.nodes import Document
from makespan_optimizer.yaml.reading import parse_document, parse_documents

# A header and what it heads, as GitLab has it; no CI system reads more documents of one file.
_MAX_DOCUMENTS = 2
_SEPARATOR = re.compile(r"(?m)^---(?:\s|$)")


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
    others, index = _siblings(document)
    try:
        parsed = _documents(text, document.file, len(others) + 1)
    except WorkflowError as error:
        raise EditError(f"an edit would break the file: {error}") from error
    expected = changed(value_of(document.root), [change for edit in edits for change in edit.changes])
    values = [value_of(each.root) for each in parsed]
    if values != [*others[:index], expected, *others[index:]]:
        raise EditError(f"{document.file}: an edit would change more than it should")
    return parsed[index]


def _siblings(document: Document) -> tuple[list[Value], int]:
    """The values of the other YAML documents in the file, and how many of them lie before this one."""
    if _SEPARATOR.search(document.text) is None:
        return [], 0
    found = _documents(document.text, document.file, _MAX_DOCUMENTS)
    own = next((index for index, each in enumerate(found) if _start(each) == _start(document)), 0)
    return [value_of(each.root) for index, each in enumerate(found) if index != own], own


def _documents(text: str, file: str, limit: int) -> tuple[Document, ...]:
    """Those of a file; of one document, the cached parse."""
    return (parse_document(text, file=file),) if limit == 1 else parse_documents(text, file=file, limit=limit)


def _start(document: Document) -> int:
    return -1 if document.root is None else document.root.start


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
