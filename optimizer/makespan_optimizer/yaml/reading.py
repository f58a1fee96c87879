"""Reads a document from libyaml's event stream.

Events are used, not `yaml.compose`: composing answers an alias with the anchor's node and loses the
alias's own place. Everything hostile is refused inside the event loop, before it costs anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

import yaml

from makespan_optimizer.yaml.nodes import MERGE_KEY, Alias, AnyNode, Document, Entry, Mapping, Scalar, Sequence

# libyaml needs quadratic time for nested flow collections (100,000 `[` take 20 s); no pipeline is this deep.
MAX_DEPTH = 128
# Line breaks in YAML 1.1, and so to libyaml, but plain characters in YAML 1.2: it sees stand-ins of equal length.
_OLD_BREAKS = {0x85: "\ue085", 0x2028: "\ue028", 0x2029: "\ue029"}
_STAND_INS = {ord(stand_in): chr(old) for old, stand_in in _OLD_BREAKS.items()}
_BOM = "\ufeff"
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_BLANK_TAIL = re.compile(r"(?:[ \t]*(?:\r\n|\r|\n))*[ \t]*\Z")

_Event = yaml.events.Event


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been seen."""

    start: int
    is_mapping: bool
    flow: bool
    anchor: str | None
    tag: str | None
    children: list[AnyNode] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)


# Passes, edits and verification read the same few texts in turn; documents are immutable.
@lru_cache(maxsize=8)
def parse_document(text: str, *, file: str) -> Document:
    """Parse one YAML document.

    Args:
        text: The file decoded from UTF-8 with its BOM and line endings.
        file: Used in messages.

    Raises:
        WorkflowError: Not YAML, more than one document, nested deeper than 128, a duplicate or complex
            key, an undefined or recursive alias; with its place.
    """
    documents = parse_documents(text, file=file, limit=1)
    return documents[0] if documents else _empty(text, file)


def parse_documents(text: str, *, file: str, limit: int) -> tuple[Document, ...]:
    """Parse the YAML documents of a file, all with places in the one text.

    Args:
        text: The file decoded from UTF-8 with its BOM and line endings.
        file: Used in messages.
        limit: How many documents the file may hold.

    Raises:
        WorkflowError: As `parse_document`, with more than `limit` documents.
    """
    document = _empty(text, file)
    return tuple(Document(text, file, root, document.line_starts) for root in _Reader(document, limit).read())


def _empty(text: str, file: str) -> Document:
    return Document(text, file, None, (0, *(match.end() for match in _LINE_BREAK.finditer(text))))


class _Reader:
    """Builds the tree while events arrive."""

    def __init__(self, document: Document, limit: int) -> None:
        self._document = document
        self._limit = limit
        # libyaml drops a BOM and counts its marks from the character after it.
        self._shift = 1 if document.text.startswith(_BOM) else 0
        self._text = document.text[self._shift :].translate(_OLD_BREAKS)
        self._stack: list[_Open] = []
        self._anchors: dict[str, Scalar | Mapping | Sequence] = {}
        self._roots: list[AnyNode] = []

    def read(self) -> list[AnyNode]:
        try:
            for event in yaml.parse(self._text, Loader=yaml.CLoader):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self._document.error(_reason(error), (mark.index if mark else 0) + self._shift) from None
        except yaml.reader.ReaderError as error:
            raise self._document.error(f"{error.reason} ({_character(error.character)})", self._offset(error)) from None
        except UnicodeEncodeError as error:
            raise self._document.error("not valid Unicode text", error.start + self._shift) from None
        return self._roots

    def _offset(self, error: yaml.reader.ReaderError) -> int:
        """The reader's position counts bytes of the UTF-8 text."""
        encoded = self._text.encode("utf-8", "surrogatepass")
        return len(encoded[: error.position].decode("utf-8", "ignore")) + self._shift

    def _take(self, event: _Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._anchors.clear()
            if len(self._roots) == self._limit:
                which, allowed = ("second", "one is") if self._limit == 1 else ("further", f"{self._limit} are")
                raise self._document.error(
                    f"a {which} YAML document starts here; {allowed} allowed", self._start(event)
                )

    def _start(self, event: _Event) -> int:
        # Every event of a parse carries marks; the type allows for events made by hand.
        return self._shift + (event.start_mark.index if event.start_mark else 0)

    def _end(self, event: _Event) -> int:
        return self._shift + (event.end_mark.index if event.end_mark else 0)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        start, end = self._start(event), self._end(event)
        style = event.style or ""
        if style in ("|", ">"):
            end = self._block_scalar_end(start, end)
        node = Scalar(start, end, self._restored(event.value), style, event.anchor, event.tag)
        self._remember(node)
        self._add(node)

    def _restored(self, value: str) -> str:
        return value if self._text.isascii() else value.translate(_STAND_INS)

    def _block_scalar_end(self, start: int, end: int) -> int:
        """Without the blank lines after it, unless `|+` makes them part of the value."""
        text = self._document.text
        header = text[start : _line_end(text, start)]
        if "+" in header.split("#")[0]:
            return end
        tail = _BLANK_TAIL.search(text, start, end)
        return tail.start() if tail else end

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        start = self._start(event)
        if len(self._stack) >= MAX_DEPTH:
            raise self._document.error(f"nested deeper than {MAX_DEPTH} levels", start)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        flow = bool(event.flow_style)
        if self._expects_key():
            raise self._document.error("a key must be a scalar, not a collection", start)
        self._stack.append(_Open(start, is_mapping, flow, event.anchor, event.tag))

    def _close(self, event: _Event) -> None:
        opened = self._stack.pop()
        # A block collection's end mark lies at the next token: its last child knows where it really ends.
        end = self._end(event) if opened.flow else opened.children[-1].end
        node: Mapping | Sequence
        if opened.is_mapping:
            pairs = zip(opened.children[::2], opened.children[1::2], strict=True)
            entries = tuple(Entry(key, value) for key, value in pairs if isinstance(key, Scalar))
            node = Mapping(opened.start, end, entries, opened.flow, opened.anchor, opened.tag)
        else:
            node = Sequence(opened.start, end, tuple(opened.children), opened.flow, opened.anchor, opened.tag)
        self._remember(node)
        self._add(node)

    def _alias(self, event: yaml.AliasEvent) -> None:
        start = self._start(event)
        name = str(event.anchor)
        if self._expects_key():
            raise self._document.error(f"alias *{name} as a key is not supported", start)
        target = self._anchors.get(name)
        if target is None:
            recursive = any(opened.anchor == name for opened in self._stack)
            what = "refers to a node that contains it" if recursive else "has no anchor before it"
            raise self._document.error(f"alias *{name} {what}", start)
        self._add(Alias(start, self._end(event), name, target))

    def _remember(self, node: Scalar | Mapping | Sequence) -> None:
        if node.anchor:
            self._anchors[node.anchor] = node

    def _expects_key(self) -> bool:
        return bool(self._stack) and self._stack[-1].is_mapping and len(self._stack[-1].children) % 2 == 0

    def _add(self, node: AnyNode) -> None:
        if not self._stack:
            self._roots.append(node)
            return
        parent = self._stack[-1]
        if self._expects_key() and isinstance(node, Scalar):
            first = parent.keys.setdefault(node.value, node.start)
            # Several merge keys in one mapping are common in GitLab files, and every reader takes them all.
            if first != node.start and (node.style or node.value != MERGE_KEY):
                line, _ = self._document.place(first)
                raise self._document.error(f"duplicate key {node.value!r} (first on line {line})", node.start)
        parent.children.append(node)


def _line_end(text: str, start: int) -> int:
    match = _LINE_BREAK.search(text, start)
    return match.start() if match else len(text)


def _reason(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part) or "not YAML"


def _character(code: object) -> str:
    return f"character U+{code:04X}" if isinstance(code, int) else f"character {code!r}"
