"""Edits of a document: which characters go, which come, and what that must make of its value.

Every function returns edits of the original text; `splices.apply_edits` composes and checks them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from makespan_optimizer.yaml.data import Change, Inserted, Path, Removed, Replaced, value_of
from makespan_optimizer.yaml.layout import (
    Block,
    EditError,
    blank_lines_after,
    blank_lines_before,
    child_block,
    line_bounds,
    newline,
)
from makespan_optimizer.yaml.nodes import Alias, AnyNode, Document, Mapping, Scalar, Sequence, has_sharing
from makespan_optimizer.yaml.reading import parse_document

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` to `end` become `text`.

    Attributes:
        changes: What the edit must do to the document's value, and nothing else.
    """

    start: int
    end: int
    text: str
    changes: tuple[Change, ...]


def node_at(document: Document, path: Path) -> AnyNode:
    """The node at a path.

    Raises:
        EditError: There is none, or the way leads through an alias or an anchored node: text there means
            something elsewhere too.
    """
    node = document.root
    for depth, key in enumerate(path):
        if node is None or isinstance(node, Alias | Scalar) or node.anchor:
            raise EditError(f"{document.file}: {_dotted(path[:depth])} is shared or has no children")
        if isinstance(node, Mapping):
            node = node.get(str(key))
        else:
            node = node.items[key] if isinstance(key, int) and 0 <= key < len(node.items) else None
    if node is None:
        raise EditError(f"{document.file}: nothing at {_dotted(path)}")
    return node


def insert_items(document: Document, path: Path, index: int, text: str) -> Edit:
    """Insert the items of a block sequence, written without indentation, before item `index`."""
    parent = _collection(document, path, Sequence)
    assert isinstance(parent, Sequence)
    if not parent.items or not 0 <= index <= len(parent.items):
        raise EditError(f"{document.file}: no position {index} in {_dotted(path)}")
    new = parse_document(text, file=f"{document.file} (inserted text)").root
    if not isinstance(new, Sequence):
        raise EditError("the inserted text is not a sequence")
    change = Inserted(path, index, tuple(value_of(item) for item in new.items))
    return _insertion(document, parent, index, text, change)


def append_entries(document: Document, path: Path, text: str, *, after: str) -> Edit:
    """Insert the entries of a block mapping written without indentation after the entry `after`."""
    parent = _collection(document, path, Mapping)
    assert isinstance(parent, Mapping)
    index = _position(document, parent, path, after)
    new = parse_document(text, file=f"{document.file} (inserted text)").root
    if not isinstance(new, Mapping):
        raise EditError("the inserted text is not a mapping")
    children = tuple((entry.key.value, value_of(entry.value)) for entry in new.entries)
    first = parent.entries[0].key.start
    column = first - line_bounds(document, first)[0]
    end = parent.entries[index].value.end
    start, following = line_bounds(document, end)
    # Directly after the value: a comment below it that is indented deeper stays below what is inserted.
    position = end if start == end and document.text[end - 1 : end] in ("\n", "\r") else following
    rendered = _rendered(document, text, column, position)
    return Edit(position, position, rendered, (Inserted(path, index + 1, children),))


def remove_item(document: Document, path: Path, index: int) -> Edit:
    """Remove one item of a block sequence with its comments and the blank lines that set it apart."""
    parent = _collection(document, path, Sequence)
    assert isinstance(parent, Sequence)
    if not 0 <= index < len(parent.items):
        raise EditError(f"{document.file}: no item {index} in {_dotted(path)}")
    return _removal(document, parent, path, index, parent.items[index])


def remove_entry(document: Document, path: Path, key: str) -> Edit:
    """Remove one key of a block mapping with its value, its comments and the blank lines that set it apart."""
    parent = _collection(document, path, Mapping)
    assert isinstance(parent, Mapping)
    index = _position(document, parent, path, key)
    return _removal(document, parent, path, index, parent.entries[index].value)


def replace_value(document: Document, path: Path, text: str) -> Edit:
    """Replace a node by one that is written on a single line (a scalar or a flow collection)."""
    node = node_at(document, path)
    if has_sharing(node):
        raise EditError(f"{document.file}: {_dotted(path)} is shared through an anchor or alias")
    if _LINE_BREAK.search(text):
        raise EditError("a replacement must be one line")
    new = parse_document(text, file=f"{document.file} (inserted text)").root
    if isinstance(node, Mapping | Sequence) and not node.flow:
        raise EditError(f"{document.file}: {_dotted(path)} is in block style; edit its children")
    # `key:` without a value has no room of its own: a space parts the new value from the colon.
    space = " " if node.start == node.end else ""
    return Edit(node.start, node.end, space + text, (Replaced(path, value_of(new)),))


def _collection(document: Document, path: Path, kind: type[Mapping] | type[Sequence]) -> AnyNode:
    node = node_at(document, path)
    if not isinstance(node, kind) or node.anchor or node.flow:
        raise EditError(
            f"{document.file}: {_dotted(path)} is not a {kind.__name__.lower()} that can be edited by lines"
        )
    return node


def _position(document: Document, parent: Mapping, path: Path, key: str) -> int:
    for index, entry in enumerate(parent.entries):
        if entry.key.value == key:
            return index
    raise EditError(f"{document.file}: no key {key!r} in {_dotted(path)}")


def _insertion(document: Document, parent: Sequence, index: int, text: str, change: Inserted) -> Edit:
    last = index == len(parent.items)
    block = child_block(document, parent, index - 1 if last else index)
    position = block.end if last else block.start
    rendered = _rendered(document, text, block.column, position)
    if _separated(document, parent, block, index):
        ending = newline(document)
        rendered = ending + rendered if last else rendered + ending
    return Edit(position, position, rendered, (change,))


def _separated(document: Document, parent: Sequence, block: Block, index: int) -> bool:
    """Whether the items around the position are set apart by a blank line."""
    if len(parent.items) < 2:
        return False
    if 0 < index < len(parent.items):
        return blank_lines_before(document, block.start) < block.start
    neighbour = child_block(document, parent, 1 if index == 0 else len(parent.items) - 1)
    return blank_lines_before(document, neighbour.start) < neighbour.start


def _rendered(document: Document, text: str, column: int, position: int) -> str:
    ending = newline(document)
    lines = [" " * column + line if line else line for line in _LINE_BREAK.split(text.rstrip("\r\n"))]
    rendered = ending.join(lines) + ending
    before = document.text[position - 1 : position]
    if position == len(document.text) and before not in ("\n", "\r", ""):
        return ending + rendered[: -len(ending)]
    return rendered


def _removal(document: Document, parent: Mapping | Sequence, path: Path, index: int, child: AnyNode) -> Edit:
    count = len(parent.entries) if isinstance(parent, Mapping) else len(parent.items)
    if count == 1:
        raise EditError(f"{document.file}: removing the only child of {_dotted(path)} would leave it empty")
    if has_sharing(child):
        raise EditError(f"{document.file}: a child of {_dotted(path)} is shared through an anchor or alias")
    block = child_block(document, parent, index)
    start, end = block.start, block.end
    if index < count - 1:
        if blank_lines_before(document, start) < start or index == 0:
            end = blank_lines_after(document, end)
    elif not _keeps_blank_lines(parent, index - 1):
        start = blank_lines_before(document, start)
    return Edit(start, end, "", (Removed(path, index),))


def _keeps_blank_lines(parent: Mapping | Sequence, index: int) -> bool:
    """Whether blank lines after a child may be part of its value (a `|+` scalar at its end)."""
    node: AnyNode = parent.entries[index].value if isinstance(parent, Mapping) else parent.items[index]
    while isinstance(node, Mapping | Sequence):
        node = node.entries[-1].value if isinstance(node, Mapping) else node.items[-1]
    return isinstance(node, Scalar) and node.is_block and node.value.endswith("\n\n")


def _dotted(path: Path) -> str:
    return ".".join(map(str, path)) or "the document"
