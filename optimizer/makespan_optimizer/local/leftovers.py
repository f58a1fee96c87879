"""Ends every process that a job started, wherever it went.

act gives each step a session and a terminal of its own, so neither groups nor sessions nor parents lead
to a step's `nohup server &`. What they inherit does: GitHub's runner finds its orphans by an environment
variable too (RUNNER_TRACKING_ID).
"""

from __future__ import annotations

import signal
import time

import psutil

_GRACE_S = 5.0  # between the 7.5 s for SIGINT and the 2.5 s for SIGTERM of GitHub's runner
_POLL_INTERVAL_S = 0.02


def end_processes(variable: str, value: str) -> None:
    """Send SIGTERM to every process with this environment variable, SIGKILL to what is there after five seconds.

    Args:
        variable: A name that only the job's processes have.
        value: Its value, unique to the job.
    """
    asked: set[int] = set()
    deadline_s = time.monotonic() + _GRACE_S
    while living := processes_with(variable, value):
        overdue = time.monotonic() >= deadline_s
        for process in living:
            if overdue or process.pid not in asked:
                asked.add(process.pid)
                _send(process, signal.SIGKILL if overdue else signal.SIGTERM)
        if time.monotonic() >= deadline_s + _GRACE_S:
            return  # In an uninterruptible call: nobody can end it.
        time.sleep(_POLL_INTERVAL_S)


def processes_with(variable: str, value: str) -> list[psutil.Process]:
    """Living processes whose environment has the variable with this value; other users' are not seen."""
    return [process for process in psutil.process_iter() if _has(process, variable, value)]


def _has(process: psutil.Process, variable: str, value: str) -> bool:
    try:
        return bool(process.environ().get(variable) == value and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, OSError):
        return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return  # It ended meanwhile.
