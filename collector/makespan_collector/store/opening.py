"""Opens a store directory, and says what to do when there is none."""

from __future__ import annotations

import os
from pathlib import Path

from makespan_collector.store.contract import Store
from makespan_collector.store.embedded.directory_store import EmbeddedReader, EmbeddedStore
from makespan_collector.store.embedded.log_segment import sync_directory
from makespan_collector.store.schema import TABLES
from makespan_model.errors import InputError, UnavailableError

FORMAT_FILE = "format"
FORMAT = 4
"""1: logs that do not name their columns. 2: logs that do. 3: a table of summaries. 4: logs whose frames leave out
empty columns. What was written in an older one stays readable, and its first writer makes a store of this format."""
_OLDER = ("1", "2", "3")
_KEPT_BESIDE = {"tokens.json", "tokens.json.lock"}
"""What may be made in the directory before the store is."""


def open_store(path: Path, *, read_only: bool = False) -> Store:
    """Open the embedded store in a directory; for writing, it is created where it is missing.

    Raises:
        UnavailableError: There is no history (reading), another process writes (writing), or the
            directory cannot be made or written.
        InputError: The directory holds something else, or a newer format.
    """
    if read_only:
        if not (path / FORMAT_FILE).is_file():
            raise UnavailableError(
                f"no history at {path}; run `makespan exec FILE` or `makespan serve` first, or point --store at a store"
            )
        _check_format(path)
        return EmbeddedReader(path)
    try:
        _create(path)
    except OSError as error:
        raise UnavailableError(f"cannot make a store at {path}: {error.strerror or error}") from error
    try:
        return EmbeddedStore(path)
    except OSError as error:
        raise UnavailableError(f"cannot write to the store {path}: {error.strerror or error}") from error


def stored_format(path: Path) -> str:
    """The format number a store's directory says it has."""
    return _format(path)


def _create(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    marker = path / FORMAT_FILE
    if marker.exists():
        _check_format(path)
        if _format(path) != str(FORMAT):
            for table in TABLES:
                (path / table.name).mkdir(exist_ok=True)
            # An older release must not append to this store from now on.
            _mark(path)
        return
    known = {table.name for table in TABLES} | _KEPT_BESIDE
    foreign = sorted(entry.name for entry in path.iterdir() if entry.name not in known and entry.suffix != ".tmp")
    if foreign:
        raise InputError(f"{path} is not a store and not empty (it holds {foreign[0]!r}); name another directory")
    for table in TABLES:
        (path / table.name).mkdir(exist_ok=True)
    # The marker comes last: a directory that has it is complete.
    _mark(path)


def _mark(path: Path) -> None:
    temporary = path / f"{FORMAT_FILE}.{os.getpid()}.tmp"
    with temporary.open("w") as file:
        file.write(f"{FORMAT}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path / FORMAT_FILE)
    sync_directory(path)


def _format(path: Path) -> str:
    return (path / FORMAT_FILE).read_text("utf-8", "replace").strip()


def _check_format(path: Path) -> None:
    text = _format(path)
    if text not in (*_OLDER, str(FORMAT)):
        raise InputError(f"{path / FORMAT_FILE} says {text!r}; this version of makespan reads formats up to {FORMAT}")
