"""A file of lines into a store, in batches: memory stays the same however long the file is."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from makespan_collector.importers import csv_rows, jsonl
from makespan_collector.importers.field_mapping import FieldMapping
from makespan_collector.importers.line_rows import row_of
from makespan_collector.importers.lines import STDIN, open_lines
from makespan_collector.importers.progress import Progress
from makespan_collector.importers.row_fields import FieldError
from makespan_collector.store.contract import Store
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.errors import InputError

_BATCH_ROWS = 5_000
_READERS: MappingProxyType[str, Any] = MappingProxyType(
    {csv_rows.SOURCE: csv_rows.read_csv, jsonl.SOURCE: jsonl.read_jsonl}
)


def import_lines(
    name: str,
    form: str,
    store: Store,
    progress: Progress,
    *,
    mapping: FieldMapping,
    is_strict: bool = False,
    tell: Callable[[], None] = lambda: None,
) -> None:
    """Keep every line of a file that can be understood.

    Args:
        name: The file; `-` for standard input.
        form: `csv` or `jsonl`.
        store: Open for writing.
        progress: Is kept up to date.
        mapping: Which column is which field.
        is_strict: Whether the first line that cannot be understood ends it.
        tell: Called after every batch.

    Raises:
        InputError: The file or its header cannot be read, or with `is_strict` a line; what came before is kept.
        UnavailableError: The store cannot go on.
    """
    place = "standard input" if name == STDIN else name
    rows: list[SpanRow] = []
    try:
        with open_lines(name) as text:
            for number, values in _READERS[form](text, mapping, place):
                try:
                    if isinstance(values, FieldError):
                        raise values
                    rows.append(row_of(values, form))
                except FieldError as error:
                    problem = f"{place}:{number}: {error}"
                    if is_strict:
                        raise InputError(problem) from None
                    progress.leave_out(problem)
                if len(rows) >= _BATCH_ROWS:
                    _keep(rows, store, progress)
                    tell()
    finally:
        _keep(rows, store, progress)
        tell()


def _keep(rows: list[SpanRow], store: Store, progress: Progress) -> None:
    if not rows:
        return
    store.append(spans=rows)
    progress.runs += sum(row.kind is SpanKind.RUN for row in rows)
    progress.jobs += sum(row.kind is SpanKind.JOB for row in rows)
    progress.steps += sum(row.kind is SpanKind.STEP for row in rows)
    rows.clear()
