"""The parsed value of a document, and what an edit should make of it.

Two documents are compared through these values; aliases stay names, so that an alias bomb costs no
more than its text. An edit is right when the text after it parses to the value that the same change
makes of the value before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from makespan_optimizer.yaml.nodes import Alias, AnyNode, Mapping, Scalar

Path = tuple[str | int, ...]
"""Keys of mappings and positions in sequences, from the root down."""

Value = tuple[object, ...]
"""`("scalar", text, plain, tag, anchor)`, `("alias", name)`, `("mapping" or "sequence", anchor, tag, children)`."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """New children before position `index` of the collection at `path`; of a mapping, (key, value) pairs."""

    path: Path
    index: int
    children: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """The child at position `index` of the collection at `path` is gone."""

    path: Path
    index: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """The node at `path` has another value."""

    path: Path
    value: Value


Change = Inserted | Removed | Replaced


def value_of(node: AnyNode | None) -> Value:
    """The value of a node, with all that distinguishes one document from another."""
    if node is None:
        return ("nothing",)
    if isinstance(node, Scalar):
        return ("scalar", node.value, not node.style, node.tag, node.anchor)
    if isinstance(node, Alias):
        return ("alias", node.name)
    if isinstance(node, Mapping):
        pairs = tuple((entry.key.value, value_of(entry.value)) for entry in node.entries)
        return ("mapping", node.anchor, node.tag, pairs)
    return ("sequence", node.anchor, node.tag, tuple(value_of(item) for item in node.items))


def changed(value: Value, changes: Iterable[Change]) -> Value:
    """The value after changes whose paths and positions all refer to the value before any of them."""
    return _changed(value, [(change.path, change) for change in changes])


def _changed(value: Value, changes: list[tuple[Path, Change]]) -> Value:
    here = [change for path, change in changes if not path]
    for change in here:
        if isinstance(change, Replaced):
            return change.value
    kind, *head, children = value
    if kind not in ("mapping", "sequence") or not isinstance(children, tuple):
        return value
    removed = {change.index for change in here if isinstance(change, Removed)}
    result: list[object] = []
    for position in range(len(children) + 1):
        for change in here:
            if isinstance(change, Inserted) and change.index == position:
                result.extend(change.children)
        if position < len(children) and position not in removed:
            result.append(_child(kind, children[position], position, changes))
    return (kind, *head, tuple(result))


def _child(kind: object, child: object, position: int, changes: list[tuple[Path, Change]]) -> object:
    key, inner = child if kind == "mapping" and isinstance(child, tuple) else (position, child)
    below = [(path[1:], change) for path, change in changes if path and path[0] == key]
    if not below or not isinstance(inner, tuple):
        return child
    new = _changed(inner, below)
    return (key, new) if kind == "mapping" else new
