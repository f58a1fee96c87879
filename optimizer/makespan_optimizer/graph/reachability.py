"""What can be reached along the edges of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def reached(start: str, step: Callable[[str], Iterable[str]]) -> frozenset[str]:
    """Everything one or more steps away; `start` itself only where a circle leads back to it."""
    seen: set[str] = set()
    waiting = list(step(start))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(step(name))
    return frozenset(seen)
