"""From YAML nodes to placed values: aliases followed, merge keys merged, `!reference` kept, bombs refused."""

from __future__ import annotations

from dataclasses import dataclass

from makespan_optimizer.gitlab.values import Items, Place, Reference, Table, Text, Value
from makespan_optimizer.yaml.nodes import (
    MERGE_KEY,
    Alias,
    AnyNode,
    Document,
    Entry,
    Mapping,
    Scalar,
    Sequence,
    resolved,
)
from makespan_optimizer.yaml.reading import parse_documents

# GitLab's defaults (application settings max_yaml_size_bytes and max_yaml_depth).
MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 100
# GitLab counts the bytes of Ruby objects, about 40 each, against MAX_BYTES once aliases are expanded: some 52,000
# values. Twice that is refused here, so that no file GitLab reads is.
MAX_VALUES = 105_000
_NO_KEYS = "!reference takes a list of keys, such as [.job, script]"
# A header (`spec:`) and the configuration.
_MAX_DOCUMENTS = 2


@dataclass(frozen=True, slots=True)
class Source:
    """One file.

    Attributes:
        header: The document with `spec:` before the configuration; None without one.
        content: The configuration.
        document: The parsed document that holds `content`, for edits.
    """

    header: Table | None
    content: Table
    document: Document


def load(text: str, *, file: str) -> Source:
    """Read one file of a configuration.

    Raises:
        WorkflowError: Not YAML, not a mapping, empty, or too large once its aliases are expanded.
    """
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        start = Document(text, file, None, (0,))
        raise start.error(f"the file has {size} bytes; GitLab reads at most {MAX_BYTES}", 0)
    documents = parse_documents(text, file=file, limit=_MAX_DOCUMENTS)
    if not documents:
        raise Document(text, file, None, (0,)).error("the file is empty", 0)
    tables = [_Conversion(document).table() for document in documents]
    if len(tables) == 1:
        return Source(None, tables[0], documents[0])
    if "spec" not in tables[0]:
        raise tables[1].place.error("a second YAML document is read only after a header with the key 'spec'")
    return Source(tables[0], tables[1], documents[1])


class _Conversion:
    """Converts one document; a node that several aliases name is converted once and shared."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._known: dict[int, tuple[Value, int, int]] = {}

    def table(self) -> Table:
        root = self._document.root
        node = None if root is None else resolved(root)
        if not isinstance(node, Mapping):
            raise self._document.error("a configuration must be a mapping", 0 if root is None else root.start)
        value, _, _ = self._value(node)
        if not isinstance(value, Table):
            raise self._document.error("a configuration must be a mapping, not a reference", node.start)
        return value

    def _value(self, node: AnyNode) -> tuple[Value, int, int]:
        """The value, how many values it holds with aliases expanded, and how deep it is."""
        if isinstance(node, Scalar):
            return self._text(node), 1, 1
        if isinstance(node, Alias):
            value, size, depth = self._shared(node.target)
            self._check(node, size, depth)
            return value, size, depth
        return self._shared(node)

    def _shared(self, node: Scalar | Mapping | Sequence) -> tuple[Value, int, int]:
        found = self._known.get(id(node))
        if found is None:
            if isinstance(node, Scalar):
                found = self._text(node), 1, 1
            else:
                found = self._mapping(node) if isinstance(node, Mapping) else self._sequence(node)
                self._check(node, found[1], found[2])
            if node.anchor:
                self._known[id(node)] = found
        return found

    def _check(self, node: AnyNode, size: int, depth: int) -> None:
        if size > MAX_VALUES:
            raise self._document.error(f"{size} values with aliases expanded, more than {MAX_VALUES}", node.start)
        if depth > MAX_DEPTH:
            raise self._document.error(f"nested deeper than {MAX_DEPTH} levels", node.start)

    def _place(self, node: AnyNode) -> Place:
        return Place(self._document, node.start, node.end)

    def _text(self, node: Scalar) -> Text:
        if node.tag == "!reference":
            raise self._document.error(_NO_KEYS, node.start)
        plain = not node.style and node.tag is None
        text = Text(node.value, plain, Place(self._document, node.start, node.end))
        if text.is_date:
            raise self._document.error(f"{node.value} is a date, which GitLab refuses: quote it", node.start)
        return text

    def _sequence(self, node: Sequence) -> tuple[Value, int, int]:
        parts = [self._value(item) for item in node.items]
        size = 1 + sum(part[1] for part in parts)
        depth = 1 + max((part[2] for part in parts), default=0)
        if node.tag == "!reference":
            return self._reference(node), 1, 1
        return Items(tuple(part[0] for part in parts), self._place(node)), size, depth

    def _reference(self, node: Sequence) -> Reference:
        path = tuple(item.value for item in map(resolved, node.items) if isinstance(item, Scalar))
        if not path or len(path) != len(node.items):
            raise self._document.error(_NO_KEYS, node.start)
        return Reference(path, self._place(node))

    def _mapping(self, node: Mapping) -> tuple[Value, int, int]:
        if node.tag == "!reference":
            raise self._document.error(_NO_KEYS, node.start)
        entries: dict[str, Value] = {}
        keys: dict[str, Place] = {}
        size, depth = 1, 0
        for entry in node.entries:
            value, count, below = self._value(entry.value)
            size, depth = size + count, max(depth, below)
            if entry.key.value == MERGE_KEY and not entry.key.style:
                self._merge(entries, keys, entry, value)
            else:
                entries[entry.key.value] = value
                keys[entry.key.value] = self._place(entry.key)
        return Table(entries, keys, self._place(node)), size, 1 + depth

    def _merge(self, entries: dict[str, Value], keys: dict[str, Place], entry: Entry, value: Value) -> None:
        """As Psych does: at its place, so that keys written before `<<` are overwritten by what it brings."""
        sources = value.items[::-1] if isinstance(value, Items) else (value,)
        for source in sources:
            if not isinstance(source, Table):
                raise self._document.error(
                    "the value of '<<' must be a mapping or a list of mappings", entry.value.start
                )
            entries.update(source.entries)
            keys.update(source.keys)
