"""What ended a step: `error.type` of its span, low in cardinality as the semantic conventions ask."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]

_TIMEOUT_EXIT_CODE = 124
"""Exit code of GNU coreutils' `timeout` when the time was up."""
KILLED_EXIT_CODE = 128 + int(_signal.SIGKILL)

TIMEOUT = "timeout"
OOM_KILLED = "oom_killed"
AGENT_KILLED = "agent_killed"
MACHINE_LOST = "machine_lost"


def error_type(code: int, *, executable: str, timed_out: bool, oom_kills: int) -> str | None:
    """Name what went wrong; None when nothing did.

    Args:
        code: The command's exit code, or minus the signal that ended it.
        executable: The command's file name.
        timed_out: Whether the agent stopped it because its time was up.
        oom_kills: Processes of its cgroup that the kernel killed meanwhile for want of memory.
    """
    if timed_out:
        return TIMEOUT
    if code == 0:
        return None
    # Any command may end with 124; only `timeout` means the time by it.
    if code == _TIMEOUT_EXIT_CODE and executable in ("timeout", "gtimeout"):
        return TIMEOUT
    # A shell reports a killed child as 137. Without a kill on the kernel's record, somebody else did it.
    if code in (-_signal.SIGKILL, KILLED_EXIT_CODE) and oom_kills > 0:
        return OOM_KILLED
    return f"exit_{code}" if code > 0 else _signal_type(-code)


def _signal_type(number: int) -> str:
    for name in dir(_signal):
        if name.startswith("SIG") and name[3] != "_" and getattr(_signal, name) == number:
            return f"signal:{name}"
    return f"signal:{number}"
