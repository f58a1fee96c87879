"""Records whose agent is gone: turned into records of steps that ended at their last heartbeat."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from makespan_agent.endings import AGENT_KILLED, MACHINE_LOST, OOM_KILLED
from makespan_agent.measuring.oom_evidence import OomCounter
from makespan_agent.measuring.sample_series import MAX_SAMPLES
from makespan_agent.spooling.recording import boot_id
from makespan_agent.spooling.spool import SUFFIX, seal, unfinished, unseal

_SILENT_HEARTBEATS = 8
_SILENT_S = 120.0
"""A step of another boot is lost when it missed this many heartbeats and was silent for this long: on a spool that two
machines share through a file system without common locks, it may well be running over there."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """An open record that nobody holds.

    Attributes:
        path: The file, locked by the caller.
        data: Its whole lines merged; later ones win.
        samples: What the heartbeats saw, by time.
        whole_bytes: Length up to the end of the last whole line.
    """

    path: Path
    data: dict[str, Any]
    samples: tuple[list[Any], ...]
    whole_bytes: int


def recover(spool: Path, now_ns: int | None = None, this_boot: str | None = None) -> int:
    """Close the records of all agents that are gone; the caller is the spool's only sender.

    Args:
        spool: The directory.
        now_ns: Unix time; the clock's when None.
        this_boot: What the kernel calls this boot; asked when None.

    Returns:
        How many steps ended that way.

    Raises:
        OSError: The spool cannot be written.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    this_boot = boot_id() if this_boot is None else this_boot
    return sum(_recover(spool / name, now_ns, this_boot) for name in unfinished(str(spool)))


def _recover(path: Path, now_ns: int, this_boot: str | None) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if not _is_free(descriptor, path):
            return False
        found = read_open_record(path, path.read_bytes())
        if found is None:
            path.unlink()
            return False
        if "end_ns" not in found.data:
            if _may_live_elsewhere(found, now_ns, this_boot):
                return False
            if not _append(descriptor, seal(json.dumps(_ending(found, this_boot))), found.whole_bytes):
                return False
        name = f"{_end_ns(found):020d}-{found.data['step']['span_id']}-{os.fstat(descriptor).st_size}{SUFFIX}"
        path.rename(path.with_name(name))
        return True
    finally:
        os.close(descriptor)


def read_open_record(path: Path, content: bytes) -> Abandoned | None:
    """The whole lines of an open record; None when not even its start is there (written by a dying machine)."""
    data: dict[str, Any] = {}
    samples = []
    whole_bytes = 0
    for line in content.split(b"\n")[:-1]:
        text = unseal(line)
        if text is None:
            break
        whole_bytes += len(line) + 1
        values = json.loads(text)
        data |= values
        if values.get("sample"):
            samples.append(values["sample"])
    return Abandoned(path, data, tuple(samples), whole_bytes) if data else None


def _append(descriptor: int, line: bytes, position: int) -> bool:
    """Put a line after what is whole; False when the disk is full, which a later sender may not find it."""
    os.ftruncate(descriptor, position)
    try:
        if os.write(descriptor, line) == len(line):
            return True
    except OSError:
        pass
    os.ftruncate(descriptor, position)
    return False


def _is_free(descriptor: int, path: Path) -> bool:
    """Whether the record's agent is gone, and the record is still where it was."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _may_live_elsewhere(found: Abandoned, now_ns: int, this_boot: str | None) -> bool:
    agent = found.data["agent"]
    if agent["boot_id"] == this_boot:
        return False
    silent_s = (now_ns - _end_ns(found)) / 1e9
    return bool(silent_s < max(_SILENT_S, _SILENT_HEARTBEATS * agent["heartbeat_s"]))


def _ending(found: Abandoned, this_boot: str | None) -> dict[str, object]:
    stride = -(-len(found.samples) // MAX_SAMPLES) or 1
    return {
        "end_ns": _end_ns(found),
        "exit_code": None,
        "error_type": _cause(found.data, this_boot),
        "received_signal": None,
        "usage": found.data.get("usage", {}),
        "samples": found.samples[::stride],
    }


def _cause(data: dict[str, Any], this_boot: str | None) -> str:
    if data["agent"]["boot_id"] != this_boot:
        return MACHINE_LOST
    place, before = data["agent"]["oom_counter"], data["oom_kills"]
    now = OomCounter(*place).read() if place else None
    return OOM_KILLED if now is not None and before is not None and now > before else AGENT_KILLED


def _end_ns(found: Abandoned) -> int:
    """The step's end, where the agent lived to write it; else its last sign of life."""
    return int(found.data.get("end_ns") or found.data.get("heartbeat_ns") or found.data["start_ns"])
