"""Finding a command and starting it as a shell would, without Python's `subprocess` (imports of 30 ms)."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import errno
import os

NOT_FOUND = 127
"""Exit code of a command that does not exist (POSIX Shell Command Language, 2.8.2)."""
NOT_EXECUTABLE = 126
"""Exit code of a command that exists and cannot be executed (same section)."""

# Python starts with these two ignored (PEP 475's predecessor, Python/pylifecycle.c); the command must not inherit that.
IGNORED_BY_PYTHON = (_signal.SIGPIPE, _signal.SIGXFSZ)


class CannotStartError(Exception):
    """The command could not be started.

    Attributes:
        exit_code: 127 or 126.
        error_type: `not_found` or `not_executable`.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.error_type = "not_found" if exit_code == NOT_FOUND else "not_executable"


def find_executable(name: str) -> str | None:
    """The path that `name` runs, searched in PATH as execvp does; None when nothing executable has that name."""
    if "/" in name:
        return name
    for directory in os.environ.get("PATH", os.defpath).split(":"):
        path = f"{directory}/{name}" if directory else name
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return None


def spawn(words: list[str], environment: dict[str, str], signal_mask: set[int]) -> int:
    """Start a command that inherits everything but the environment and the signal mask given.

    Args:
        words: The command as typed, and its arguments.
        environment: The whole environment of the command.
        signal_mask: Signals the command starts with blocked.

    Returns:
        The process id.

    Raises:
        CannotStartError: The command does not exist (127) or cannot be executed (126).
    """
    name = words[0]
    path = find_executable(name)
    if path is None:
        raise CannotStartError(*_unfound(name))
    try:
        return _posix_spawn(path, words, environment, signal_mask)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            # A script without `#!`: execvp and every shell hand it to sh.
            return _posix_spawn("/bin/sh", ["sh", path, *words[1:]], environment, signal_mask)
        if error.errno == errno.ENOENT:
            what = "its interpreter was not found" if os.path.exists(path) else "no such file or directory"
            raise CannotStartError(f"{name}: {what}", NOT_FOUND) from None
        if error.errno == errno.EACCES and os.path.isdir(path):
            raise CannotStartError(f"{name}: is a directory", NOT_EXECUTABLE) from None
        raise CannotStartError(f"{name}: {os.strerror(error.errno or 0).lower()}", NOT_EXECUTABLE) from None


def _posix_spawn(path: str, words: list[str], environment: dict[str, str], signal_mask: set[int]) -> int:
    return os.posix_spawn(path, words, environment, setsigmask=signal_mask, setsigdef=IGNORED_BY_PYTHON)


def _unfound(name: str) -> tuple[str, int]:
    for directory in os.environ.get("PATH", os.defpath).split(":"):
        path = f"{directory}/{name}"
        if os.path.isfile(path):
            return f"{name}: permission denied ({path} is not executable)", NOT_EXECUTABLE
    return f"{name}: command not found", NOT_FOUND
