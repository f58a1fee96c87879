"""Every error makespan raises on purpose, and the exit code each one ends a command with.

    MakespanError ............... 1  something failed; the base of all below
    ├── UsageError .............. 2  wrong argument, unknown setting
    ├── InputError .............. 3  a file or a payload we were given is broken
    │   └── WorkflowError ....... 3  the same, with its place: file:line:col
    ├── UnavailableError ........ 4  a service, tool or network we need is not there (try again)
    └── RefusedError ............ 5  a rewrite did not pass verification; nothing was written

`makespan run` and `makespan shell` are the exception to this table: they end with the wrapped
command's own exit code, 126 when it cannot be executed and 127 when it does not exist.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command except `run` and `shell`."""

    SUCCESS = 0
    FAILURE = 1
    USAGE = 2
    BAD_INPUT = 3
    UNAVAILABLE = 4
    REFUSED = 5
    INTERRUPTED = 130


class MakespanError(Exception):
    """Something failed in a way a person can act on; the message says what, where and what to do next."""

    exit_code = ExitCode.FAILURE
    retryable = False


class UsageError(MakespanError):
    """The command line or a setting is wrong."""

    exit_code = ExitCode.USAGE


class InputError(MakespanError):
    """A file, payload or stored record that was given to us is broken."""

    exit_code = ExitCode.BAD_INPUT


class WorkflowError(InputError):
    """A pipeline file is broken at a known place.

    Args:
        what: The fault, quoting the offending key or text.
        file: The path as the user gave it.
        line: 1-based line.
        column: 1-based column, in characters.
    """

    def __init__(self, what: str, *, file: str, line: int, column: int) -> None:
        super().__init__(f"{file}:{line}:{column}: {what}")
        self.what = what
        self.file = file
        self.line = line
        self.column = column


class UnavailableError(MakespanError):
    """A service, tool or network is not reachable now; the same call may work later."""

    exit_code = ExitCode.UNAVAILABLE
    retryable = True


class RefusedError(MakespanError):
    """A rewrite failed verification, so it was neither shown nor written."""

    exit_code = ExitCode.REFUSED
