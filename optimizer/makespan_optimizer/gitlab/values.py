"""What a configuration holds while it is put together: values that keep their places through every merge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from makespan_model.errors import WorkflowError
from makespan_optimizer.yaml.nodes import Document

# Words of YAML 1.1 in any case, as GitLab's reader (Ruby's Psych) knows them.
_TRUE = frozenset({"yes", "true", "on"})
_FALSE = frozenset({"no", "false", "off"})
_NULL = frozenset({"", "~", "null"})
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9](?:[0-9]|,[0-9]|_[0-9])*)")
_OCTAL = re.compile(r"[-+]?0[0-7_,]+")
_HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F_,]+")
_BINARY = re.compile(r"[-+]?0b[01_,]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_,]*)?\.[0-9]*(?:[eE][-+][0-9]+)?")
_DATE = re.compile(r"\d{4}-(?:1[012]|0\d|\d)-(?:[12]\d|3[01]|0\d|\d)")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,2}")


@dataclass(frozen=True, slots=True)
class Place:
    """Characters `start` to `end` of a file."""

    document: Document = field(repr=False, compare=False)
    start: int
    end: int

    @property
    def file(self) -> str:
        """The path of the file, as it was named when it was read."""
        return self.document.file

    @property
    def line(self) -> int:
        """1-based line of the start."""
        return self.document.place(self.start)[0]

    @property
    def column(self) -> int:
        """1-based column of the start, in characters."""
        return self.document.place(self.start)[1]

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.document.text[self.start : self.end]

    def error(self, what: str) -> WorkflowError:
        """The error that says `what` is wrong here."""
        return self.document.error(what, self.start)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar: the text as written (block and quoted scalars decoded) and whether it was plain."""

    written: str
    plain: bool
    place: Place

    @property
    def is_null(self) -> bool:
        """Whether this is null."""
        return self.plain and self.written.lower() in _NULL

    @property
    def boolean(self) -> bool | None:
        """The boolean GitLab reads; None for anything else."""
        word = self.written.lower() if self.plain else ""
        return True if word in _TRUE else False if word in _FALSE else None

    @property
    def is_date(self) -> bool:
        """Whether this is a bare date, which GitLab refuses."""
        return self.plain and _DATE.fullmatch(self.written) is not None

    @property
    def integer(self) -> int | None:
        """The integer GitLab reads; None for anything else."""
        return _integer(self.written) if self.plain else None

    @property
    def text(self) -> str:
        """The text of the value GitLab reads: `010` is the octal number 8, `yes` is `true`, null is empty.

        Source: Psych's ScalarScanner, and `to_s` of what it makes.
        """
        if not self.plain:
            return self.written
        if self.is_null:
            return ""
        if self.boolean is not None:
            return "true" if self.boolean else "false"
        if self.written[:1] not in "-+.0123456789":
            return self.written
        number = _integer(self.written)
        if number is not None:
            return str(number)
        return _float_text(self.written) if _FLOAT.fullmatch(self.written) else self.written


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence."""

    items: tuple[Value, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in the order in which Ruby's hash would hold the keys.

    Attributes:
        keys: Where each key stands.
    """

    entries: dict[str, Value]
    keys: dict[str, Place]
    place: Place

    def get(self, key: str) -> Value | None:
        """The value of a key; None when absent."""
        return self.entries.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def without(self, *names: str) -> Table:
        """The same table without some keys."""
        return Table(
            {key: value for key, value in self.entries.items() if key not in names},
            {key: place for key, place in self.keys.items() if key not in names},
            self.place,
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """`!reference [job, key, …]`, not resolved (yet)."""

    path: tuple[str, ...]
    place: Place

    def __str__(self) -> str:
        return f"!reference [{', '.join(self.path)}]"


Value = Text | Items | Table | Reference


def deep_merged(base: Table, over: Table) -> Table:
    """`base` overlaid with `over`: tables merge, anything else is replaced.

    Source: Active Support's `Hash#deep_merge`, which GitLab uses for includes and `extends`.
    """
    entries, keys = dict(base.entries), dict(base.keys)
    for key, value in over.entries.items():
        below = entries.get(key)
        entries[key] = deep_merged(below, value) if isinstance(below, Table) and isinstance(value, Table) else value
        keys[key] = over.keys[key]
    return Table(entries, keys, over.place)


def plain(value: Value) -> object:
    """The value as GitLab types it, in plain Python: for comparison and canonical text."""
    if isinstance(value, Text):
        if value.is_null:
            return None
        if value.boolean is not None:
            return value.boolean
        number = value.integer
        return value.text if number is None else number
    if isinstance(value, Items):
        return [plain(item) for item in value.items]
    if isinstance(value, Table):
        return {key: plain(item) for key, item in value.entries.items()}
    return {"!reference": list(value.path)}


def flattened(value: Value) -> Iterator[Value]:
    """The items of nested sequences in order; a value that is no sequence is its own only item."""
    if isinstance(value, Items):
        for item in value.items:
            yield from flattened(item)
    else:
        yield value


def expanded_size(value: Value) -> int:
    """How many values it holds, shared ones counted wherever they are used."""
    sizes: dict[int, int] = {}

    def size(part: Value) -> int:
        if not isinstance(part, Items | Table):
            return 1
        if id(part) not in sizes:
            inner = part.items if isinstance(part, Items) else part.entries.values()
            sizes[id(part)] = 1 + sum(map(size, inner))
        return sizes[id(part)]

    return size(value)


def nesting(value: Value) -> int:
    """How many sequences lie within one another, at the deepest."""
    return 1 + max((nesting(item) for item in value.items), default=0) if isinstance(value, Items) else 0


def _integer(text: str) -> int | None:
    digits = text.replace("_", "").replace(",", "")
    if _DECIMAL.fullmatch(text):
        return int(digits)
    if _OCTAL.fullmatch(text):
        return int(digits, 8) if digits.strip("-+") else None
    if _HEXADECIMAL.fullmatch(text):
        return int(digits, 16) if digits[-1:] not in "xX" else None
    if _BINARY.fullmatch(text):
        return int(digits, 2) if digits[-1:] != "b" else None
    if _SEXAGESIMAL.fullmatch(text):
        # Psych's own arithmetic: `1:30` is one hour and a half in seconds, not 90.
        return sum(int(part) * weight for part, weight in zip(digits.split(":"), (3600, 60, 1), strict=False))
    return None


def _float_text(text: str) -> str:
    """A float as Ruby writes it: `1.0e+20` where Python has `1e+20`."""
    digits = text.replace("_", "").replace(",", "")
    try:
        mantissa, exponent, power = repr(float(digits)).partition("e")
    except ValueError:
        return text
    return f"{mantissa}{'' if '.' in mantissa or not exponent else '.0'}{exponent}{power}"
