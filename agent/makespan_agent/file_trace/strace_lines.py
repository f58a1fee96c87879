"""The text strace writes with `-f -ttt -y -s 0`, as system calls.

Source: strace(1), and the printing code of strace 6.1 (strace.c `printleader`, util.c `print_quoted_string_ex`).
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Iterator

_UNFINISHED = b" <unfinished ...>"
_CALL = re.compile(rb"(\w+)\((.*)\)\s+= (-?\d+|\?|0x[0-9a-f]+)(.*)", re.DOTALL)
_RESUMED = re.compile(rb"<\.\.\. \w+ resumed>(.*)", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-f]{2}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f", b"a": b"\a", b"b": b"\b", b"e": b"\x1b"}
_MAX_LINE_BYTES = 1024 * 1024


class Call:
    """One finished system call.

    Attributes:
        pid: The thread that made it.
        time_ns: Unix time of its start, to the microsecond.
        name: Of the system call.
        arguments: As printed, without the parentheses.
        result: The number it returned; None when it did not return.
        note: What strace printed after the number: an error's name, or the path of a descriptor.
    """

    __slots__ = ("arguments", "name", "note", "pid", "result", "time_ns")

    def __init__(self, pid: int, time_ns: int, name: str, arguments: bytes, result: int | None, note: bytes) -> None:
        self.pid = pid
        self.time_ns = time_ns
        self.name = name
        self.arguments = arguments
        self.result = result
        self.note = note

    @property
    def error(self) -> str:
        """`ENOENT` and its like; empty when the call succeeded."""
        return self.note.split(None, 1)[0].decode("ascii", "replace") if self.result == -1 and self.note else ""


class ProcessEnd:
    """A thread that has ended, or was replaced by another thread's execve."""

    __slots__ = ("pid",)

    def __init__(self, pid: int) -> None:
        self.pid = pid


class LineReader:
    """Turns chunks of strace's output into calls, and puts together those that others interrupted."""

    def __init__(self) -> None:
        self._rest = b""
        self._unfinished: dict[int, tuple[int, bytes]] = {}

    def feed(self, chunk: bytes) -> Iterator[Call | ProcessEnd]:
        """The calls that this chunk completes."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _MAX_LINE_BYTES:
            self._rest = b""
        for line in lines:
            event = self._event(line)
            if event is not None:
                yield event

    def forking(self) -> Iterator[int]:
        """Threads that are in the middle of a call that makes a process."""
        for pid, (_, text) in self._unfinished.items():
            if text.startswith((b"clone", b"fork", b"vfork")):
                yield pid

    def _event(self, line: bytes) -> Call | ProcessEnd | None:
        parts = line.split(None, 2)
        if len(parts) < 3 or not parts[0].isdigit():
            return None
        pid, text = int(parts[0]), parts[2]
        if text.endswith(_UNFINISHED):
            self._unfinished[pid] = (_nanoseconds(parts[1]), text[: -len(_UNFINISHED)])
            return None
        time_ns = _nanoseconds(parts[1])
        if text[:1] == b"<":
            resumed = _RESUMED.fullmatch(text)
            if resumed is None or pid not in self._unfinished:
                return None
            time_ns, start = self._unfinished.pop(pid)
            text = start + resumed[1]
        elif text[:1] == b"+":
            self._unfinished.pop(pid, None)
            return ProcessEnd(pid)
        found = _CALL.fullmatch(text)
        if found is None:
            return None
        result = None if found[3] == b"?" else int(found[3], 0)
        return Call(pid, time_ns, found[1].decode("ascii", "replace"), found[2], result, found[4].strip())


def unescape(text: bytes) -> bytes:
    """The bytes of a path that strace has quoted."""
    return _ESCAPE.sub(_unescaped, text) if b"\\" in text else text


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[:1] in b"01234567":
        return bytes([int(code, 8) & 0xFF])
    if len(code) == 3:
        return bytes([int(code[1:], 16)])
    return _LETTERS.get(code, code)


def _nanoseconds(text: bytes) -> int:
    seconds, _, fraction = text.partition(b".")
    try:
        return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, b"0")[:9] or b"0")
    except ValueError:
        return 0
