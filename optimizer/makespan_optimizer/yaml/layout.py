"""Where the lines of a block-style child begin and end, and which comments are its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from makespan_model.errors import RefusedError
from makespan_optimizer.yaml.nodes import AnyNode, Document, Entry, Mapping, Sequence

_COMMENT_LINE = re.compile(r"[ \t]*#")
_DASH_GAP = re.compile(r"(?:\s|#[^\r\n]*|[&!][^\s]+)*-(?=\s|$)")


class EditError(RefusedError):
    """An edit that cannot be made without touching the meaning of something else."""


@dataclass(frozen=True, slots=True)
class Block:
    """The whole lines of one child: `start` and `end` are line starts (or the end of the text).

    Attributes:
        head: Offset of the dash or the key.
        column: Characters before the dash or the key.
    """

    start: int
    head: int
    end: int
    column: int


def line_bounds(document: Document, offset: int) -> tuple[int, int]:
    """Start of the line that holds `offset`, and start of the next line (or the end of the text)."""
    line, _ = document.place(offset)
    starts = document.line_starts
    return starts[line - 1], starts[line] if line < len(starts) else len(document.text)


def child_block(document: Document, parent: Mapping | Sequence, index: int) -> Block:
    """The lines of a child: comments directly above it, itself, and deeper comments below it.

    Raises:
        EditError: The parent is in flow style, or the child does not start its line.
    """
    if parent.flow:
        raise EditError(_at(document, parent.start, "a collection in flow style is not edited by lines"))
    floor = parent.start if index == 0 else _child_end(parent, index - 1)
    head = _head(document, parent, index, floor)
    line_start, _ = line_bounds(document, head)
    indentation = document.text[line_start:head].lstrip("\ufeff")
    if indentation.strip(" "):
        raise EditError(_at(document, head, "it does not start its own line"))
    column = len(indentation)
    end = _last_line_end(document, _child_end(parent, index), line_start)
    return Block(
        start=_comments_above(document, line_start, column, floor if index else line_start),
        head=head,
        end=_comments_below(document, end, column),
        column=column,
    )


def blank_lines_after(document: Document, offset: int) -> int:
    """Offset of the first line at or after the line start `offset` that is not blank; `offset` at the text's end."""
    end = offset
    while end < len(document.text):
        start, following = line_bounds(document, end)
        if document.text[start:following].strip():
            return end
        end = following
    return end


def blank_lines_before(document: Document, offset: int) -> int:
    """Offset of the first of the blank lines that end at the line start `offset`."""
    start = offset
    while start > 0:
        previous, _ = line_bounds(document, start - 1)
        if document.text[previous:start].strip():
            break
        start = previous
    return start


def newline(document: Document) -> str:
    """The line ending the file uses: that of its first line."""
    starts = document.line_starts
    if len(starts) < 2:
        return "\n"
    ending = document.text[: starts[1]]
    return "\r\n" if ending.endswith("\r\n") else ending[-1]


def _at(document: Document, offset: int, what: str) -> str:
    line, column = document.place(offset)
    return f"{document.file}:{line}:{column}: {what}"


def _child_end(parent: Mapping | Sequence, index: int) -> int:
    child: AnyNode | Entry
    child = parent.entries[index].value if isinstance(parent, Mapping) else parent.items[index]
    return child.end


def _head(document: Document, parent: Mapping | Sequence, index: int, floor: int) -> int:
    if isinstance(parent, Mapping):
        return parent.entries[index].key.start
    match = _DASH_GAP.match(document.text, floor)
    if match is None:
        raise EditError(_at(document, floor, "the dash of the item was not found"))
    return match.end() - 1


def _last_line_end(document: Document, end: int, first_line: int) -> int:
    start, following = line_bounds(document, end)
    # A `|+` scalar ends at the start of the line after it.
    return end if start == end and end > first_line else following


def _comments_above(document: Document, line_start: int, column: int, floor: int) -> int:
    start = line_start
    while start > floor:
        previous, _ = line_bounds(document, start - 1)
        line = document.text[previous:start]
        if previous < floor or not _COMMENT_LINE.match(line) or len(line) - len(line.lstrip(" ")) != column:
            break
        start = previous
    return start


def _comments_below(document: Document, end: int, column: int) -> int:
    """Comments indented deeper than the child's head can only speak of the child."""
    while end < len(document.text):
        start, following = line_bounds(document, end)
        line = document.text[start:following]
        if not _COMMENT_LINE.match(line) or len(line) - len(line.lstrip(" ")) <= column:
            break
        end = following
    return end
