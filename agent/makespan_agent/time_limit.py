"""Ending a command whose time is up: SIGTERM to its whole tree, SIGKILL to what is left after a grace period."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import time

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable

GRACE_S = 10.0
"""As `docker stop`: long enough for a test runner to write its report."""
_NEVER_S = 86_400.0


class TimeLimit:
    """Watches one command's time.

    Args:
        limit_s: Seconds the command may take.
        child: Its process id.
        agent: The process that started it, and adopts what loses its parent.
        clock: Seconds that never run backwards.
    """

    def __init__(self, limit_s: float, child: int, agent: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._child = child
        self._agent = agent
        self._clock = clock
        self._due_s = clock() + limit_s
        self._killed = False
        self.is_over = False

    def around(self, wake: Callable[[], float]) -> Callable[[], float]:
        """The same periodic work, with a look at the clock."""
        return lambda: min(wake(), self.check())

    def check(self) -> float:
        """Send what is due; returns in how many seconds the next signal is."""
        remaining_s = self._due_s - self._clock()
        if remaining_s > 0:
            return remaining_s
        if not self.is_over:
            self.is_over = True
            # A stopped process (Ctrl-Z) takes no signal before it goes on.
            self._signal_tree(_signal.SIGTERM, _signal.SIGCONT)
            self._due_s = self._clock() + GRACE_S
            return GRACE_S
        if not self._killed:
            self._killed = True
            self._signal_tree(_signal.SIGKILL)
        return _NEVER_S

    def _signal_tree(self, *numbers: int) -> None:
        # Parents first: a shell whose child is ended before it goes on to its next command. What lost its
        # parent is a child of the agent now.
        below = [pid for pid in descendants(self._agent) if pid != self._child]
        for pid in [self._child, *below]:
            for number in numbers:
                try:  # noqa: SIM105 - contextlib takes 2 ms to import
                    os.kill(pid, number)
                except OSError:
                    pass  # Gone, or another user's.


def descendants(pid: int) -> list[int]:
    """Process ids below `pid`, each after its parent; empty where the kernel does not list children."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                children = [int(word) for word in file.read().split()]
        except (OSError, ValueError):
            continue
        for child in children:
            found.append(child)
            found += descendants(child)
    return found
