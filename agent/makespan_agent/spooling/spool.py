"""The directory where step records wait until they are sent.

One file a step. While the step runs it is an append-only log named `<start_ns>-<span id>.open`, which
`open_record` writes; renamed to `<end_ns>-<span id>-<bytes>.step` it waits to be sent. So a reader never
sees half a record, and a file's name holds its age and size.
"""

from __future__ import annotations

import os

from makespan_model.span_ids import digest

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIX = ".step"
OPEN_SUFFIX = ".open"
DEFAULT_MAX_BYTES = 64 * 1024 * 1024
FAILURE_NOTE = "last-failure"
"""Written by whoever could not send: the endpoint, a tab, and why."""
ENCLOSING_VARIABLE = "MAKESPAN_ENCLOSING"
"""`<pid>,<spool>` of the agent around this one: it will start the exporter when its own step ends."""


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
    """One line of a record: the SHA-256 of its JSON, a space, the JSON."""
    return f"{digest(text)} {text}\n".encode("utf-8", "surrogateescape")


def unseal(line: bytes) -> str | None:
    """The JSON of one line without its newline; None when it is not what was sealed."""
    checksum, _, text = line.decode("utf-8", "surrogateescape").partition(" ")
    return text if digest(text) == checksum else None


def waiting(directory: str) -> list[str]:
    """Names of the records to be sent, oldest first; none when the directory cannot be read."""
    return _listed(directory, SUFFIX)


def unfinished(directory: str) -> list[str]:
    """Names of the records whose steps have not ended, or whose agents were killed; oldest first."""
    return _listed(directory, OPEN_SUFFIX)


def _listed(directory: str, suffix: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if name.endswith(suffix) and name[0] != ".")
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


def make_room(directory: str, room_bytes: int) -> int:
    """Delete the oldest waiting records until the rest fit; returns how many had to go."""
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


def is_enclosed(environment: Mapping[str, str], directory: str) -> bool:
    """Whether a living agent around us will send this spool when its own step ends."""
    pid, _, outer_directory = environment.get(ENCLOSING_VARIABLE, "").partition(",")
    if outer_directory != directory or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _size(name: str) -> int:
    text = name[: -len(SUFFIX)].rpartition("-")[2]
    return int(text) if text.isdecimal() else 0
