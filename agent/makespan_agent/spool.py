"""The directory where step records wait until they are sent: the side that writes.

One file a record, written beside its final name and renamed into place, so a reader never sees half
of one. A file's name holds its age and size: `<end_ns>-<span id>-<bytes>.step`.
"""

from __future__ import annotations

import os

from makespan_model.span_ids import digest

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIX = ".step"
DEFAULT_MAX_BYTES = 64 * 1024 * 1024
FAILURE_NOTE = "last-failure"
"""Written by whoever could not send: the endpoint, a tab, and why."""


def spool_directory(environment: Mapping[str, str]) -> str:
    """The absolute path of MAKESPAN_SPOOL, else of `makespan/spool` in the user's state directory (XDG)."""
    chosen = environment.get("MAKESPAN_SPOOL")
    if chosen:
        return os.path.abspath(chosen)
    state = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "makespan", "spool")


def max_spool_bytes(environment: Mapping[str, str], notices: list[str]) -> int:
    """MAKESPAN_SPOOL_MAX_BYTES, else 64 MiB."""
    text = environment.get("MAKESPAN_SPOOL_MAX_BYTES", "")
    if text.isdecimal() and int(text) > 0:
        return int(text)
    if text:
        notices.append(f"MAKESPAN_SPOOL_MAX_BYTES must be a whole number of bytes from 1 up, not {text!r}")
    return DEFAULT_MAX_BYTES


def seal(text: str) -> bytes:
    """A record's line: the SHA-256 of its JSON, a space, the JSON."""
    return f"{digest(text)} {text}\n".encode("utf-8", "surrogateescape")


def write_record(directory: str, text: str, *, end_ns: int, span_id: str, max_bytes: int) -> int:
    """Add one record, dropping the oldest ones where the spool would outgrow its bound.

    Args:
        directory: The spool; made, for this user alone, when missing.
        text: The record as JSON.
        end_ns: The step's end, in Unix nanoseconds: the record's age.
        span_id: The step's span id.
        max_bytes: The bound on the sum of all waiting records.

    Returns:
        How many old records were dropped.

    Raises:
        OSError: The spool cannot be written.
    """
    line = seal(text)
    name = f"{end_ns:020d}-{span_id}-{len(line)}{SUFFIX}"
    temporary = os.path.join(directory, f".{os.getpid()}-{name}")
    try:
        descriptor = _create(temporary)
    except FileNotFoundError:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        descriptor = _create(temporary)
    try:
        _write_all(descriptor, line)
        os.close(descriptor)
        dropped = _make_room(directory, max_bytes - len(line))
        os.rename(temporary, os.path.join(directory, name))
    except OSError:
        os.unlink(temporary)
        raise
    return dropped


def waiting(directory: str) -> list[str]:
    """Names of the records in the spool, oldest first; none when the directory cannot be read."""
    try:
        return sorted(name for name in os.listdir(directory) if name.endswith(SUFFIX) and name[0] != ".")
    except OSError:
        return []


def take_failure_note(directory: str) -> str | None:
    """A sentence about the last sending that failed, told once; None when the last one went well."""
    path = os.path.join(directory, FAILURE_NOTE)
    try:
        with open(path, encoding="utf-8") as file:
            endpoint, _, reason = file.read().strip().partition("\t")
        os.unlink(path)
    except (OSError, ValueError):
        return None
    count = len(waiting(directory))
    steps = "1 step" if count == 1 else f"{count} steps"
    return f"collector at {endpoint} not reachable ({reason}), {steps} spooled; `makespan flush` sends them"


def _create(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _make_room(directory: str, room_bytes: int) -> int:
    names = waiting(directory)
    total_bytes = sum(map(_size, names))
    dropped = 0
    for name in names:
        if total_bytes <= room_bytes:
            break
        total_bytes -= _size(name)
        try:
            os.unlink(os.path.join(directory, name))
            dropped += 1
        except FileNotFoundError:
            pass  # Sent meanwhile.
    return dropped


def _size(name: str) -> int:
    text = name[: -len(SUFFIX)].rpartition("-")[2]
    return int(text) if text.isdecimal() else 0
