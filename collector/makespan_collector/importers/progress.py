"""How far an import has come."""

from __future__ import annotations

from dataclasses import dataclass, field

_MOST_PROBLEMS = 100


@dataclass(slots=True)
class Progress:
    """What an import did so far.

    Attributes:
        runs: Attempts at runs that were kept.
        jobs, steps: Likewise.
        known: Runs that were in the store as they are.
        requests: Made to the API.
        unreadable: Runs or lines that could not be understood and were left out.
        problems: Why, of the first hundred.
        day: The day of the oldest run seen, `2026-02-03`.
        unchanged: Whether the API said that nothing is new.
    """

    runs: int = 0
    jobs: int = 0
    steps: int = 0
    known: int = 0
    requests: int = 0
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)
    day: str = ""
    unchanged: bool = False

    def leave_out(self, problem: str) -> None:
        """Count something that could not be understood."""
        self.unreadable += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)
