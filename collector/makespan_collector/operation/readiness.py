"""Whether a collector can take data now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

Check = Callable[[], str | None]
"""Says what is wrong; None when nothing is."""

_KEPT_S = 2.0
"""How long a finding holds: anybody may ask, and a check flushes a file to the disk."""


class Readiness:
    """Asks the checks, at most once in two seconds.

    Args:
        checks: By their name.
        clock_s: Monotonic seconds.
    """

    def __init__(self, checks: Mapping[str, Check], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._found_s = float("-inf")
        self._found: Mapping[str, str] = MappingProxyType({})

    def problems(self) -> Mapping[str, str]:
        """What is wrong, by the name of the check; empty when the collector is ready."""
        with self._lock:
            if self._clock_s() - self._found_s >= _KEPT_S:
                answers = {name: check() for name, check in self._checks.items()}
                self._found = {name: problem for name, problem in answers.items() if problem}
                self._found_s = self._clock_s()
            return self._found
