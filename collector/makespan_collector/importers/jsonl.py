"""Lines of JSON (one object a line) as values by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

from makespan_collector.importers.field_mapping import FieldMapping
from makespan_collector.importers.lines import LONGEST_LINE, bounded_lines
from makespan_collector.importers.row_fields import FieldError
from makespan_model.errors import InputError

SOURCE = "jsonl"


def read_jsonl(text: IO[str], mapping: FieldMapping, place: str) -> Iterator[tuple[int, dict[str, Any] | FieldError]]:
    """Each line's number with its values, or with what is wrong with it.

    Args:
        text: The file.
        mapping: Which key is which field.
        place: The file's name, for messages.
    """
    resolved: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for number, line in enumerate(bounded_lines(text), start=1):
        if not line.strip():
            continue
        try:
            item = _object(line)
            names = tuple(item)
            if names not in resolved:
                # Objects of one file have few shapes; one that makes up keys must not fill the memory.
                if len(resolved) > 1_000:
                    resolved.clear()
                resolved[names] = _resolve(mapping, item, place, number)
            values = {name: mapping.read(name, item[key]) for name, key in resolved[names]}
        except FieldError as error:
            yield number, error
            continue
        yield (
            number,
            {
                **mapping.constants,
                **{name: value for name, value in values.items() if value is not None},
            },
        )


def _object(line: str) -> dict[str, Any]:
    if len(line) >= LONGEST_LINE:
        raise FieldError(f"it is longer than {LONGEST_LINE} characters")
    if not line.isascii() and any("\ud800" <= letter <= "\udfff" for letter in line):
        raise FieldError("it is not UTF-8")
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FieldError(f"it is not JSON: {error}") from None
    if not isinstance(item, dict):
        raise FieldError(f"it must be an object, not {type(item).__name__}")
    return item


def _resolve(mapping: FieldMapping, item: Mapping[str, Any], place: str, number: int) -> list[tuple[str, str]]:
    # A key may be left out of an object, unlike a column of a table.
    present = FieldMapping([pair for pair in mapping.columns if pair[0] in item], mapping.constants)
    try:
        return present.resolve(list(item), f"{place}:{number}")
    except InputError as error:
        raise FieldError(str(error).partition(": ")[2]) from None
