"""The ledger of each pipeline's findings in a file of its own: JSON lines, replaced as a whole.

The first line says what the file is, every other one is an entry. It stands beside the history it is about: in the
store's directory, or in `.makespan` when the store is a server.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from makespan_analytics.findings.finding_json import finding_as_json, finding_from_json, time_ns
from makespan_analytics.findings.ledger import Entry, Event, Ledger, Status
from makespan_model.errors import InputError, UnavailableError

FOLDER = "findings"
FORMAT = 1
_WHAT = "makespan findings"
_MOST_BYTES = 64 * 1024 * 1024
"""A thousand entries are about one and a half MB; a file of this size is none of ours."""


def ledger_path(root: Path, repository: str, pipeline: str) -> Path:
    """Where the ledger of a pipeline is below the store's directory; names are hashed, as they may hold anything."""
    digest = hashlib.sha256(f"{repository}\0{pipeline}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return root / FOLDER / f"{digest}.jsonl"


def read_ledger(path: Path) -> dict[str, Entry]:
    """The entries of a file; none where there is no file.

    Raises:
        InputError: It is not such a file, or of a newer format; with the line.
        UnavailableError: It cannot be read.
    """
    line = 1
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"larger than {_MOST_BYTES} bytes")
        lines = path.read_text("utf-8").splitlines()
        head = json.loads(lines[0])
        if head["what"] != _WHAT or head["format"] != FORMAT:
            raise ValueError(f"not of format {FORMAT}")
        entries = {}
        for line, text in enumerate(lines[1:], start=2):  # noqa: B007
            entry = _entry(json.loads(text))
            entries[entry.finding.finding_id] = entry
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UnavailableError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise InputError(f"{path}:{line}: not a ledger of findings ({error!r}); remove it to begin anew") from error
    return entries


def write_ledger(path: Path, ledger: Ledger) -> None:
    """Replace the file as a whole.

    Raises:
        UnavailableError: It cannot be written.
    """
    lines = [json.dumps({"what": _WHAT, "format": FORMAT})]
    lines += [json.dumps(_as_json(ledger[key])) for key in sorted(ledger)]
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise UnavailableError(f"cannot write {path}: {error.strerror or error}") from error


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "finding": finding_as_json(entry.finding),
        "found_ns": entry.found_ns,
        "events": [{"status": event.status.value, "time_ns": event.time_ns} for event in entry.events],
    }


def _entry(told: dict[str, Any]) -> Entry:
    events = tuple(Event(Status(event["status"]), time_ns(event["time_ns"])) for event in told["events"])
    if not events:
        raise ValueError("an entry without an event")
    return Entry(finding_from_json(told["finding"]), time_ns(told["found_ns"]), events)
