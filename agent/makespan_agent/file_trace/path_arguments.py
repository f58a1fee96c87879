"""The paths in the arguments of a system call, made absolute."""

from __future__ import annotations

import os
import re

from makespan_agent.file_trace.strace_lines import Call, unescape

_STRING = rb'"((?:[^"\\]|\\.)*)"'
_AT = re.compile(rb"(AT_FDCWD|-?\d+)(?:<([^>]*)>(?:\(deleted\))?)?, " + _STRING + rb"(?:, )?", re.DOTALL)
_PLAIN = re.compile(_STRING + rb"(?:, )?", re.DOTALL)
_DESCRIPTOR = re.compile(rb"\s*<([^>]*)>")
_ARGUMENT_DESCRIPTOR = re.compile(rb"-?\d+<([^>]*)>")
_MAX_DIRECTORIES = 20_000


class WorkingDirectories:
    """Where each thread of the step stands.

    Args:
        start: Where the step began.
    """

    def __init__(self, start: str) -> None:
        self._start = start
        # Threads share one directory (CLONE_FS), so it is a list of one that they share.
        self._places: dict[int, list[str]] = {}

    def of(self, pid: int) -> str:
        """The directory of a thread."""
        place = self._places.get(pid)
        return self._start if place is None else place[0]

    def knows(self, pid: int) -> bool:
        """Whether the thread was seen before."""
        return pid in self._places

    def change(self, pid: int, directory: str) -> None:
        """A thread went elsewhere, or strace said where it is."""
        place = self._places.get(pid)
        if place is None:
            self._places[pid] = [directory]
        else:
            place[0] = directory

    def inherit(self, child: int, parent: int, *, shared: bool) -> None:
        """A thread was made."""
        place = self._places.setdefault(parent, [self._start])
        self._places[child] = place if shared else list(place)

    def forget(self, pid: int) -> None:
        """A thread has ended; its number may be given again."""
        self._places.pop(pid, None)


class PathResolver:
    """Absolute paths without links in their directories; the last part stays as it was named."""

    def __init__(self, directories: WorkingDirectories) -> None:
        self._directories = directories
        self._real: dict[str, str] = {}

    def absolute(self, directory: str, path: str) -> str:
        """Where `path` leads from `directory`."""
        full = os.path.join(directory, path)
        head, tail = os.path.split(full.rstrip("/") or "/")
        if tail in ("", ".", ".."):
            return os.path.realpath(full)
        real = self._real.get(head)
        if real is None:
            if len(self._real) >= _MAX_DIRECTORIES:
                self._real.clear()
            real = self._real[head] = os.path.realpath(head)
        return os.path.join(real, tail)

    def take_at(self, call: Call, arguments: bytes) -> tuple[str | None, bytes]:
        """The path of a `dirfd, "path"` pair at the start, and the arguments after it."""
        match = _AT.match(arguments)
        if match is None:
            return None, arguments
        rest = arguments[match.end() :]
        directory = os.fsdecode(unescape(match[2])) if match[2] else ""
        if match[1] == b"AT_FDCWD":
            if directory.startswith("/"):
                self._directories.change(call.pid, directory)
            directory = self._directories.of(call.pid)
        path = os.fsdecode(unescape(match[3]))
        if not path or not (path.startswith("/") or directory.startswith("/")):
            return None, rest  # AT_EMPTY_PATH: a descriptor that was opened before.
        return self.absolute(directory, path), rest

    def take_plain(self, call: Call, arguments: bytes) -> tuple[str | None, bytes]:
        """The path of a `"path"` at the start, and the arguments after it."""
        match = _PLAIN.match(arguments)
        if match is None:
            return None, arguments
        path = os.fsdecode(unescape(match[1]))
        rest = arguments[match.end() :]
        return (self.absolute(self._directories.of(call.pid), path) if path else None), rest

    @staticmethod
    def skip_string(arguments: bytes) -> bytes:
        """The arguments after a string that is no path from here: a link's target."""
        match = _PLAIN.match(arguments)
        return arguments[match.end() :] if match else arguments


def returned_path(call: Call) -> str | None:
    """The path of the descriptor a call returned, as the kernel names it."""
    match = _DESCRIPTOR.match(call.note)
    return _file_path(match[1]) if match else None


def descriptor_path(call: Call) -> str | None:
    """The path of the descriptor that is the first argument."""
    match = _ARGUMENT_DESCRIPTOR.match(call.arguments)
    return _file_path(match[1]) if match else None


def _file_path(text: bytes) -> str | None:
    return os.fsdecode(unescape(text)) if text.startswith(b"/") else None  # Else `pipe:[1234]` and its like.
