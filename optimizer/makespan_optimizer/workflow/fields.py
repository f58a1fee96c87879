"""Takes typed values out of YAML nodes, with an error at the place of whatever is not what it must be."""

from __future__ import annotations

import json
from collections.abc import Collection

from makespan_optimizer.workflow.places import OtherKey, Pairs, Span
from makespan_optimizer.yaml.nodes import (
    AnyNode,
    Document,
    Entry,
    Mapping,
    Scalar,
    Sequence,
    merged_entries,
    resolved,
)


class Fields:
    """The entries of one mapping, looked up by key."""

    def __init__(self, document: Document, node: Mapping, what: str) -> None:
        self.document = document
        self.node = node
        self.what = what
        self._entries = {entry.key.value: entry for entry in merged_entries(node)}

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries in the order written."""
        return tuple(self._entries.values())

    def others(self, known: Collection[str]) -> tuple[OtherKey, ...]:
        """The entries whose keys are not among `known`."""
        return tuple(
            OtherKey(name, self.what, tuple(known), _entry_span(self.document, entry), entry.value)
            for name, entry in self._entries.items()
            if name not in known
        )

    def entry(self, key: str) -> Entry | None:
        """The entry with its key's place."""
        return self._entries.get(key)

    def value(self, key: str) -> AnyNode | None:
        """The node of a key; None when absent."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def text(self, key: str) -> str | None:
        """A scalar's text; None when absent or null."""
        node = self.value(key)
        return None if node is None else scalar_text(self.document, node, f"{key!r} of {self.what}")

    def pairs(self, key: str) -> Pairs:
        """A mapping of scalars; an expression that yields one is kept under the key ``."""
        node = self.value(key)
        if node is None:
            return ()
        target = resolved(node)
        if isinstance(target, Mapping):
            what = f"{key!r} of {self.what}"
            return tuple(_pair(self.document, entry, what) for entry in merged_entries(target))
        if isinstance(target, Scalar) and target.is_null:
            return ()
        if isinstance(target, Scalar) and "${{" in target.value:
            return (("", target.value),)
        raise self.document.error(f"{key!r} of {self.what} must be a mapping", node.start)

    def mapping(self, key: str) -> Fields | None:
        """A nested mapping; None when absent or null."""
        node = self.value(key)
        target = None if node is None else resolved(node)
        if node is None or target is None or (isinstance(target, Scalar) and target.is_null):
            return None
        if not isinstance(target, Mapping):
            raise self.document.error(f"{key!r} of {self.what} must be a mapping", node.start)
        return Fields(self.document, target, f"{key!r} of {self.what}")

    def canonical(self, key: str) -> str | None:
        """Text that is equal for equal values; None when absent."""
        node = self.value(key)
        return None if node is None else canonical(node)

    def words(self, key: str) -> tuple[tuple[str, Span], ...]:
        """A scalar or a list of scalars, each with its place."""
        node = self.value(key)
        target = None if node is None else resolved(node)
        if node is None or target is None or (isinstance(target, Scalar) and target.is_null):
            return ()
        what = f"{key!r} of {self.what}"
        items = target.items if isinstance(target, Sequence) else (target,)
        return tuple((scalar_text(self.document, item, what) or "", span(self.document, item)) for item in items)


def scalar_text(document: Document, node: AnyNode, what: str) -> str | None:
    """The text of a scalar; None for null.

    Raises:
        WorkflowError: The node is a collection.
    """
    target = resolved(node)
    if not isinstance(target, Scalar):
        raise document.error(f"{what} must be a single value, not a {type(target).__name__.lower()}", node.start)
    return None if target.is_null else target.value


def span(document: Document, node: AnyNode, start: int | None = None) -> Span:
    """The place of a node, or of `start` to the node's end."""
    begin = node.start if start is None else start
    return Span(begin, node.end, *document.place(begin))


def canonical(node: AnyNode) -> str:
    """JSON text of a node: equal for equal values, whatever their style.

    Aliases are written as their name once they nest, so that an alias bomb stays small.
    """
    return json.dumps(_plain_data(node, 0), ensure_ascii=False)


def _plain_data(node: AnyNode, aliases: int) -> object:
    if node is not resolved(node):
        if aliases:
            return ["*", getattr(node, "name", "")]
        return _plain_data(resolved(node), aliases + 1)
    target = resolved(node)
    if isinstance(target, Scalar):
        return None if target.is_null else target.value
    if isinstance(target, Mapping):
        entries = merged_entries(target)
        return {entry.key.value: _plain_data(entry.value, aliases) for entry in entries}
    return [_plain_data(item, aliases) for item in target.items]


def _entry_span(document: Document, entry: Entry) -> Span:
    return Span(entry.key.start, entry.value.end, *document.place(entry.key.start))


def _pair(document: Document, entry: Entry, what: str) -> tuple[str, str]:
    if not entry.key.value:
        raise document.error(f"an empty key in {what}", entry.key.start)
    return entry.key.value, scalar_text(document, entry.value, f"{entry.key.value!r} in {what}") or ""
