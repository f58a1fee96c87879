"""Where an import stands: what has been kept already, so that the next one asks for the rest alone.

A cursor is a file of JSON lines. The first says whose it is and which span of time was walked to its end; each
further one says that a run is in the store, and is written only after the store has it on the disk. A line that a
killed import left half written is dropped: its run is asked for again, and merges.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from makespan_model.errors import InputError

FOLDER = "imports"
_VERSION = 1


@dataclass(slots=True)
class Coverage:
    """The span of time of which everything was kept.

    Attributes:
        from_ns, to_ns: By the time the walk goes by (GitHub: a run's creation; GitLab: a pipeline's last change).
        etags: Of the list's pages, as they were walked.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    etags: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """One run that is in the store.

    Attributes:
        version: Differs when there is more to know of the run.
        time_ns: What the walk goes by.
        is_over: Whether it had ended.
    """

    version: str
    time_ns: int
    is_over: bool


@dataclass(slots=True)
class Cursor:
    """The cursor of one import.

    Attributes:
        path: Its file.
        origin: What is imported: API, repository, workflow.
        kept: Runs by their id.
    """

    path: Path
    origin: str
    coverage: Coverage = field(default_factory=Coverage)
    kept: dict[str, Kept] = field(default_factory=dict)

    def add(self, runs: Mapping[str, Kept]) -> None:
        """Say that runs are in the store; on the disk when this returns."""
        self.kept |= runs
        if not self.path.exists():
            self.save()
            return
        lines = "".join(f"{json.dumps(_line(run_id, kept))}\n" for run_id, kept in runs.items())
        with self.path.open("a", encoding="utf-8") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())

    def save(self, *, forget_before_ns: int = 0) -> None:
        """Write the file anew.

        Args:
            forget_before_ns: Runs that are over and older than this need no line of their own.
        """
        self.kept = {
            run_id: kept for run_id, kept in self.kept.items() if kept.time_ns >= forget_before_ns or not kept.is_over
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        head = {
            "version": _VERSION,
            "origin": self.origin,
            "from_ns": self.coverage.from_ns,
            "to_ns": self.coverage.to_ns,
            "etags": self.coverage.etags,
        }
        temporary = self.path.with_suffix(f".{os.getpid()}.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(line)}\n" for line in self._lines(head))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.path)

    def _lines(self, head: dict[str, Any]) -> Iterable[object]:
        yield head
        for run_id, kept in self.kept.items():
            yield _line(run_id, kept)


def read_cursor(folder: Path, origin: str) -> Cursor:
    """The cursor of an origin below a folder; a new one where there is none.

    Raises:
        InputError: It is damaged beyond its last line.
    """
    path = folder / f"{_file_name(origin)}.jsonl"
    cursor = Cursor(path, origin)
    try:
        text = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return cursor
    # What follows the last line break was being written when the import died.
    lines = text.split("\n")[:-1]
    if not text.endswith("\n"):
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    for number, line in enumerate(lines, start=1):
        try:
            _take(cursor, json.loads(line), is_head=number == 1)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}:{number}: {error!r}; delete the file to import from the start") from error
    return cursor


def _take(cursor: Cursor, line: Any, *, is_head: bool) -> None:
    if not is_head:
        run_id, version, time_ns, is_over = line
        cursor.kept[str(run_id)] = Kept(str(version), int(time_ns), bool(is_over))
        return
    if line["version"] != _VERSION or line["origin"] != cursor.origin:
        raise ValueError(f"a cursor of version {line['version']} of {line['origin']}")
    cursor.coverage = Coverage(line["from_ns"], line["to_ns"], tuple(line["etags"]))


def _line(run_id: str, kept: Kept) -> list[object]:
    return [run_id, kept.version, kept.time_ns, kept.is_over]


def _file_name(origin: str) -> str:
    """A name a person recognises; the digest keeps two origins apart that look alike in it."""
    digest = hashlib.sha256(origin.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', origin)[-80:].strip('_.')}-{digest}"
