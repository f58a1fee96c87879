"""Starting the exporter so that neither the step nor its pipes wait for it."""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

_FIRST_OTHER_DESCRIPTOR = 3


_POLL_S = 0.005


def start_exporter(spool: str, environment: Mapping[str, str]) -> int:
    """Start `python -m makespan_agent.exporting.exporter SPOOL` in a session of its own.

    It holds no descriptor of the step: a CI runner waits for the end of a step's pipes. `-P` keeps the
    step's directory, which may hold a `json.py`, out of the module path.

    Returns:
        Its process id.

    Raises:
        OSError: No process could be started.
    """
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", "makespan_agent.exporting.exporter", spool],
        environment,
        file_actions=_detached_descriptors(),
        setsid=True,
        setsigmask=(),
    )


def wait_for(exporter: int, environment: Mapping[str, str], notices: list[str]) -> None:
    """Give an exporter MAKESPAN_SEND_DEADLINE_S (1 second) to end; beyond that it goes on by itself.

    Args:
        exporter: Its process id.
        environment: The process's environment.
        notices: Gets a line when the variable is no number.
    """
    from makespan_agent.evidence import send_deadline_s

    deadline_s = time.monotonic() + send_deadline_s(environment, notices)
    while os.waitpid(exporter, os.WNOHANG)[0] == 0 and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)


def _detached_descriptors() -> list[tuple[int, ...] | tuple[int, int, str, int, int]]:
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(_FIRST_OTHER_DESCRIPTOR)
    ]
    try:
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return actions
    inherited = [number for number in descriptors if number >= _FIRST_OTHER_DESCRIPTOR and _is_inherited(number)]
    return actions + [(os.POSIX_SPAWN_CLOSE, number) for number in inherited]


def _is_inherited(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:  # The listing's own descriptor, closed by now.
        return False
