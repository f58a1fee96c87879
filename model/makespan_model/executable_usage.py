"""The breakdown of a step by executable as the JSON text that travels in `makespan.processes`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict

from makespan_model.records import ExecutableUsage


def render_executables(executables: Iterable[ExecutableUsage]) -> str:
    """An array of objects with the fields of `ExecutableUsage`."""
    return json.dumps([asdict(executable) for executable in executables], separators=(",", ":"))


def parse_executables(text: str) -> tuple[ExecutableUsage, ...]:
    """Read what `render_executables` wrote; members it does not know are passed over.

    Raises:
        ValueError: The text is something else; the message says where.
    """
    data = json.loads(text)
    if not isinstance(data, list):
        raise ValueError(f"an array of objects is needed, not {text[:40]!r}")  # noqa: TRY004 - as for JSON itself
    return tuple(_executable(entry) for entry in data)


def _executable(entry: object) -> ExecutableUsage:
    if not isinstance(entry, dict):
        raise ValueError(f"an object is needed, not {entry!r}")  # noqa: TRY004
    name, cpu_s = entry.get("name"), entry.get("cpu_s")
    if not isinstance(name, str):
        raise ValueError(f"`name` must be a string in {entry!r}")  # noqa: TRY004
    if isinstance(cpu_s, bool) or not isinstance(cpu_s, int | float) or not 0 <= cpu_s < math.inf:
        raise ValueError(f"`cpu_s` must be a number of 0 or more in {entry!r}")
    return ExecutableUsage(name, float(cpu_s), _count(entry, "memory_peak_bytes"), _count(entry, "processes"))


def _count(entry: dict[str, object], key: str) -> int | None:
    value = entry.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError(f"`{key}` must be an integer of 0 or more in {entry!r}")
    return value
