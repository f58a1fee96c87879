"""Finding the report files that a step wrote."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_CLOCK_GRAIN_NS = 20_000_000
"""A file's time comes from the kernel's coarse clock, which lags by a timer tick: 10 ms at most (CONFIG_HZ=100)."""


def find_reports(
    patterns: Sequence[str], directory: str, written_since_ns: int, is_time_up: Callable[[], bool]
) -> list[str]:
    """Regular files that match a pattern and were written since a given time, sorted, each once.

    Args:
        patterns: `*`, `?` and `[...]` match within a name, `**` any directories. As in a shell, none of them
            matches a name that starts with a dot, and `**` does not follow links.
        directory: What a relative pattern is relative to.
        written_since_ns: Unix time.
        is_time_up: Asked between directories; what was found until then is returned.
    """
    found = set()
    for pattern in patterns:
        start = "/" if pattern.startswith("/") else directory
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        for path in _matches(start, parts, is_time_up):
            if path not in found and _is_written_since(path, written_since_ns - _CLOCK_GRAIN_NS):
                found.add(path)
    return sorted(found)


def _matches(directory: str, parts: Sequence[str], is_time_up: Callable[[], bool]) -> Iterator[str]:
    if not parts:
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        if rest:
            yield from _matches(directory, rest, is_time_up)
        for name in _directories(directory, is_time_up):
            yield from _matches(os.path.join(directory, name), parts, is_time_up)
        if rest:
            return
        part = "*"  # `**` at the end: every file below.
    if not any(sign in part for sign in "*?["):
        path = os.path.join(directory, part)
        if rest:
            yield from _matches(path, rest, is_time_up)
        else:
            yield path
        return
    for name in _names(directory, is_time_up):
        if fnmatchcase(name, part) and (name[0] != "." or part[0] == "."):
            path = os.path.join(directory, name)
            if rest:
                yield from _matches(path, rest, is_time_up)
            else:
                yield path


def _names(directory: str, is_time_up: Callable[[], bool]) -> list[str]:
    if is_time_up():
        return []
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _directories(directory: str, is_time_up: Callable[[], bool]) -> list[str]:
    if is_time_up():
        return []
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries if entry.name[0] != "." and entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _is_written_since(path: str, time_ns: int) -> bool:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    return status.st_mtime_ns >= time_ns and (status.st_mode & 0o170000) == 0o100000
