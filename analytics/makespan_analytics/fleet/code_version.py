"""Which code makes the results: a digest, as a release number does not change with every change of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import makespan_analytics
import makespan_collector.store
import makespan_model


@cache
def code_digest() -> str:
    """Of every source file that takes part, price tables included: an upgrade is seen however it came."""
    digest = hashlib.sha256()
    for package, files in _sources():
        for file in sorted(files):
            digest.update(f"{package}/{file.name}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterable[tuple[str, list[Path]]]:
    """The files of each package whose code decides what a result is."""
    for module in (makespan_analytics, makespan_collector.store, makespan_model):
        root = Path(next(iter(module.__path__)))
        yield module.__name__, [file for file in root.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
