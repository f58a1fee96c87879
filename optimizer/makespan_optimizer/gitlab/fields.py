"""Takes typed values out of tables, with an error at the place of whatever is not what it must be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from makespan_model.matching import did_you_mean
from makespan_optimizer.gitlab.values import Items, Place, Reference, Table, Text, Value, flattened, nesting

# GitLab flattens lists of commands and rules nested as deep as this (MAX_NESTING_LEVEL).
MAX_NESTING = 10


@dataclass(frozen=True, slots=True)
class Unknown:
    """A key that was kept but not understood.

    Attributes:
        reason: `no such key is known`, or what could not be resolved.
    """

    key: str
    reason: str
    place: Place


@dataclass(frozen=True, slots=True)
class Command:
    """One entry of a script.

    Attributes:
        text: The shell text; None for a reference into a file that was not read.
    """

    text: str | None
    place: Place


class Fields:
    """The entries of one table, looked up by key.

    Args:
        table: What to read.
        what: Names it in messages.
        unknown: Collects what is not understood, here and in nested fields.
    """

    def __init__(self, table: Table, what: str, unknown: list[Unknown]) -> None:
        self.table = table
        self.what = what
        self.unknown = unknown

    def __contains__(self, key: str) -> bool:
        return key in self.table

    def expect(self, known: Iterable[str]) -> None:
        """Keeps what is not among the known keys as unknown."""
        names = frozenset(known)
        for key, place in self.table.keys.items():
            if key not in names:
                self.unknown.append(Unknown(key, f"no such key is known{did_you_mean(key, names)}", place))

    def value(self, key: str) -> Value | None:
        """A value; None when absent, null, or a reference into a file that was not read (kept as unknown)."""
        value = self.table.get(key)
        if isinstance(value, Text) and value.is_null:
            return None
        if isinstance(value, Reference):
            self.unknown.append(Unknown(key, f"{value} lies in a file that was not read", value.place))
            return None
        return value

    def place(self, key: str) -> Place:
        """Where a key stands; the whole table for one that is absent."""
        return self.table.keys.get(key, self.table.place)

    def text(self, key: str) -> str | None:
        """A single value as text."""
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, Text):
            raise value.place.error(f"{key!r} of {self.what} must be a single value")
        return value.text

    def needed(self, key: str) -> str:
        """A single value that must be there."""
        text = self.text(key)
        if not text:
            raise self.place(key).error(f"{self.what} has no {key!r}")
        return text

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str | None:
        """A word out of a few; a variable may stand for it."""
        text = self.text(key)
        if text is not None and text not in allowed and "$" not in text:
            raise self.table.entries[key].place.error(
                f"{key!r} of {self.what} is {text!r}; it must be one of {', '.join(allowed)}"
            )
        return text

    def boolean(self, key: str) -> bool | None:
        """A truth value."""
        value = self.value(key)
        if value is None:
            return None
        found = value.boolean if isinstance(value, Text) else None
        if found is None and not (isinstance(value, Text) and "$[[" in value.written):
            raise value.place.error(f"{key!r} of {self.what} must be true or false")
        return found

    def integer(self, key: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        value = self.value(key)
        if value is None or (isinstance(value, Text) and "$[[" in value.written):
            return None
        found = value.integer if isinstance(value, Text) else None
        if found is None or not low <= found <= high:
            raise value.place.error(f"{key!r} of {self.what} must be a whole number from {low} to {high}")
        return found

    def integers(self, key: str) -> tuple[int, ...]:
        """One whole number or a list of them."""
        value = self.value(key)
        found = []
        for item in () if value is None else value.items if isinstance(value, Items) else (value,):
            number = item.integer if isinstance(item, Text) else None
            if number is None:
                raise item.place.error(f"{key!r} of {self.what} must be a whole number or a list of them")
            found.append(number)
        return tuple(found)

    def texts(self, key: str) -> tuple[str, ...] | None:
        """One text or a list of them, nested lists flattened; None when absent."""
        value = self.value(key)
        if value is None:
            return None
        found = []
        for item in flattened(value):
            if isinstance(item, Reference):
                self.unknown.append(Unknown(key, f"{item} lies in a file that was not read", item.place))
            elif not isinstance(item, Text):
                raise item.place.error(f"{key!r} of {self.what} must be a list of texts")
            else:
                found.append(item.text)
        return tuple(found)

    def commands(self, key: str) -> tuple[Command, ...] | None:
        """A script: one text or a list of them, nested up to ten levels; None when absent."""
        value = self.value(key)
        if value is None:
            return None
        if nesting(value) > MAX_NESTING:
            raise value.place.error(f"{key!r} of {self.what} is nested deeper than {MAX_NESTING} levels")
        found = []
        for item in flattened(value):
            if isinstance(item, Reference):
                found.append(Command(None, item.place))
            elif isinstance(item, Text) and not item.is_null:
                found.append(Command(item.text, item.place))
            else:
                what = "a mapping (a ': ' in an unquoted line makes one)" if isinstance(item, Table) else "empty"
                raise item.place.error(f"a command in {key!r} of {self.what} must be a text; this is {what}")
        return tuple(found)

    def nested(self, key: str) -> Fields | None:
        """A table; None when absent."""
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, Table):
            raise value.place.error(f"{key!r} of {self.what} must be a mapping")
        return self.of(value, f"{key!r} of {self.what}")

    def list_of(self, key: str) -> tuple[Value, ...]:
        """The items of a list, or one value as its only item."""
        value = self.value(key)
        return () if value is None else value.items if isinstance(value, Items) else (value,)

    def of(self, table: Table, what: str) -> Fields:
        """Fields of another table that report unknown keys here."""
        return Fields(table, what, self.unknown)
