"""Starting the exporter so that neither the step nor its pipes wait for it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

_FIRST_OTHER_DESCRIPTOR = 3


def start_exporter(spool: str, environment: Mapping[str, str]) -> None:
    """Start `python -m makespan_agent.exporter SPOOL` in a session of its own.

    It holds no descriptor of the step: a CI runner waits for the end of a step's pipes. `-P` keeps the
    step's directory, which may hold a `json.py`, out of the module path.

    Raises:
        OSError: No process could be started.
    """
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", "makespan_agent.exporter", spool],
        environment,
        file_actions=_detached_descriptors(),
        setsid=True,
        setsigmask=(),
    )


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
