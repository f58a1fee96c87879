"""Which column of a foreign file is which field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from makespan_collector.importers.row_fields import ALIASES, FIELDS, read_field
from makespan_model.errors import InputError, UsageError
from makespan_model.matching import did_you_mean
from makespan_model.records import Result


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """What the user says of a file's columns.

    Attributes:
        columns: (column, field) pairs that go before the names themselves.
        constants: Values of fields that every line has.
        results: What a word of the field `result` means, by the word in lower case.
    """

    columns: Sequence[tuple[str, str]] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)

    def read(self, name: str, value: object) -> Any:
        """A value of a field; None for null and for an empty text.

        Raises:
            FieldError: It cannot be one.
        """
        if self.results and name == "result" and isinstance(value, str):
            value = self.results.get(value.strip().lower(), value)
        return read_field(name, value)

    def resolve(self, names: Sequence[str], place: str) -> list[tuple[str, str]]:
        """(field, column) for every field that these columns hold.

        Raises:
            InputError: Two columns are one field, or a column of the mapping is not there.
        """
        said = {column for column, _ in self.columns}
        missing = said - set(names)
        if missing:
            column = min(missing)
            raise InputError(f"{place}: there is no column {column!r}{did_you_mean(column, names)}")
        found: dict[str, str] = {}
        for column, name in self.columns:
            _add(found, name, column, place)
        # What the user says wins over a field's own name, and that over another name for it.
        for field_of in (_field_called, _field_also_called):
            settled = set(found)
            for column in names:
                known = field_of(column)
                if known is not None and column not in said and known not in settled:
                    _add(found, known, column, place)
        return list(found.items())


def parse_mapping(columns: Sequence[str], constants: Sequence[str], results: Sequence[str] = ()) -> FieldMapping:
    """Read `column=field`, `field=value` and `word=result`.

    Raises:
        UsageError: Not of this form, or no such field.
    """
    pairs = []
    for text in columns:
        column, separator, name = text.rpartition("=")
        if not separator or not column:
            raise UsageError(f"--map is COLUMN=FIELD, not {text!r}")
        pairs.append((column, _checked(name, "--map")))
    values = {}
    for text in constants:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"--set is FIELD=VALUE, not {text!r}")
        try:
            values[name] = read_field(_checked(name, "--set"), value)
        except ValueError as error:
            raise UsageError(f"--set: {error}") from None
    words = {}
    for text in results:
        word, separator, result = text.rpartition("=")
        if not separator or result not in tuple(Result):
            raise UsageError(f"--result is WORD=RESULT with a result of {', '.join(Result)}, not {text!r}")
        words[word.strip().lower()] = result
    return FieldMapping(tuple(pairs), values, words)


def _checked(name: str, option: str) -> str:
    if name not in FIELDS:
        raise UsageError(f"{option}: no field {name!r}{did_you_mean(name, FIELDS)}; docs/importing.md lists them")
    return name


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_")


def _field_called(column: str) -> str | None:
    plain = _plain(column)
    return plain if plain in FIELDS else None


def _field_also_called(column: str) -> str | None:
    return ALIASES.get(_plain(column))


def _add(found: dict[str, str], name: str, column: str, place: str) -> None:
    if name in found:
        raise InputError(f"{place}: both {found[name]!r} and {column!r} are {name}; say which with --map COLUMN=FIELD")
    found[name] = column
