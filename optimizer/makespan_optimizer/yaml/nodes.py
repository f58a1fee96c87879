"""The nodes of a YAML document, each with its range of characters in the text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from makespan_model.errors import WorkflowError

# YAML 1.2 core schema, section 10.3.2: the plain scalars that mean null.
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
MERGE_KEY = "<<"


@dataclass(frozen=True, slots=True)
class Node:
    """Anything with a place: characters `start` to `end` of the document's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Scalar(Node):
    """One value as text, never converted: `on`, `3.10` and `0644` stay what was written.

    Attributes:
        style: "" plain, "'", '"', "|" or ">".
    """

    value: str
    style: str = ""
    anchor: str | None = None
    tag: str | None = None

    @property
    def is_null(self) -> bool:
        """Whether the YAML 1.2 core schema reads this as null."""
        return not self.style and self.tag is None and self.value in _NULLS

    @property
    def is_block(self) -> bool:
        """Whether this is a `|` or `>` scalar."""
        return self.style in ("|", ">")


@dataclass(frozen=True, slots=True)
class Alias(Node):
    """`*name`, with the node its anchor stands for."""

    name: str
    target: Scalar | Mapping | Sequence


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value."""

    key: Scalar
    value: AnyNode


@dataclass(frozen=True, slots=True)
class Mapping(Node):
    """Keys in the order written; keys are unique but for the merge key (the reader refuses duplicates)."""

    entries: tuple[Entry, ...]
    flow: bool = False
    anchor: str | None = None
    tag: str | None = None

    def entry(self, key: str) -> Entry | None:
        """The entry of `key`, merge keys not expanded."""
        return next((entry for entry in self.entries if entry.key.value == key), None)

    def get(self, key: str) -> AnyNode | None:
        """The value of `key`, merge keys not expanded."""
        found = self.entry(key)
        return None if found is None else found.value


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """Items in the order written."""

    items: tuple[AnyNode, ...]
    flow: bool = False
    anchor: str | None = None
    tag: str | None = None


AnyNode = Scalar | Alias | Mapping | Sequence


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file.

    Attributes:
        text: The whole file as decoded from UTF-8: BOM and line endings are kept.
        file: The path as the user gave it.
        root: None for a file without content.
    """

    text: str
    file: str
    root: AnyNode | None
    line_starts: tuple[int, ...] = field(repr=False)

    def place(self, offset: int) -> tuple[int, int]:
        """1-based line and column (in characters) of an offset."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def error(self, what: str, offset: int) -> WorkflowError:
        """The error that says `what` is wrong at `offset`."""
        line, column = self.place(min(offset, len(self.text)))
        return WorkflowError(what, file=self.file, line=line, column=column)


def resolved(node: AnyNode) -> Scalar | Mapping | Sequence:
    """The node itself, or what an alias stands for."""
    return node.target if isinstance(node, Alias) else node


def merged_entries(mapping: Mapping) -> tuple[Entry, ...]:
    """Entries with merge keys (`<<`) expanded one level deep; the mapping's own keys win."""
    if mapping.entry(MERGE_KEY) is None:
        return mapping.entries
    own = tuple(entry for entry in mapping.entries if entry.key.value != MERGE_KEY)
    seen = {entry.key.value for entry in own}
    inherited: list[Entry] = []
    merges = [resolved(entry.value) for entry in mapping.entries if entry.key.value == MERGE_KEY]
    sources = [
        source
        for merge in merges
        for source in (map(resolved, merge.items) if isinstance(merge, Sequence) else (merge,))
    ]
    for source in sources:
        for entry in merged_entries(source) if isinstance(source, Mapping) else ():
            if entry.key.value not in seen:
                seen.add(entry.key.value)
                inherited.append(entry)
    return (*inherited, *own)


def walk(node: AnyNode) -> Iterator[AnyNode]:
    """The node and all below it in document order; aliases are leaves."""
    yield node
    if isinstance(node, Mapping):
        for entry in node.entries:
            yield entry.key
            yield from walk(entry.value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from walk(item)


def has_sharing(node: AnyNode) -> bool:
    """Whether an anchor, alias or merge key lies in the node: text there means something elsewhere."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Alias) or part.anchor:
            return True
        if isinstance(part, Mapping):
            for entry in part.entries:
                if entry.key.anchor or entry.key.value == MERGE_KEY:
                    return True
                waiting.append(entry.value)
        elif isinstance(part, Sequence):
            waiting.extend(part.items)
    return False
