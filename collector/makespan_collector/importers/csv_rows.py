"""Lines of CSV (RFC 4180, with a header) as values by field."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO, Any

from makespan_collector.importers.field_mapping import FieldMapping
from makespan_collector.importers.lines import bounded_lines
from makespan_collector.importers.row_fields import FieldError
from makespan_model.errors import InputError

SOURCE = "csv"


def read_csv(text: IO[str], mapping: FieldMapping, place: str) -> Iterator[tuple[int, dict[str, Any] | FieldError]]:
    """Each line's number with its values, or with what is wrong with it.

    Args:
        text: The file.
        mapping: Which column is which field.
        place: The file's name, for messages.

    Raises:
        InputError: The header cannot be used.
    """
    lines = csv.reader(bounded_lines(text))
    try:
        header = next(lines, None)
    except csv.Error as error:
        raise InputError(f"{place}:1: {error}") from error
    if not header:
        raise InputError(f"{place}:1: it has no header; the first line must name the columns")
    positions = [(name, header.index(column)) for name, column in mapping.resolve(header, f"{place}:1")]
    while True:
        try:
            cells = next(lines, None)
        except csv.Error as error:
            yield lines.line_num, FieldError(str(error))
            continue
        if cells is None:
            return
        if not cells:
            continue
        yield lines.line_num, _values(cells, len(header), positions, mapping)


def _values(
    cells: list[str], width: int, positions: list[tuple[str, int]], mapping: FieldMapping
) -> dict[str, Any] | FieldError:
    if len(cells) != width:
        return FieldError(f"it has {len(cells)} cells, the header {width}")
    try:
        return {**mapping.constants, **_read(cells, positions, mapping)}
    except FieldError as error:
        return error


def _read(cells: list[str], positions: list[tuple[str, int]], mapping: FieldMapping) -> dict[str, Any]:
    found = {}
    for name, position in positions:
        cell = cells[position]
        if not cell:
            continue
        if not cell.isascii() and any("\ud800" <= letter <= "\udfff" for letter in cell):
            raise FieldError(f"{name} is not UTF-8")
        value = mapping.read(name, cell)
        if value is not None:
            found[name] = value
    return found
