"""What jobs wait in while runs are played event by event: pools of runners, concurrency groups, their own run."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

WAITING, RUNNING, ENDED = 0, 1, 2
"""Phases of a job: before its (next) attempt, within one, after the last."""


@dataclass(slots=True, eq=False)
class RunUnderWay:
    """One run; lists hold a value for every job, times are those of the stream.

    Attributes:
        number: Its row in the draws.
        open_needs: How many of the legs it needs have not ended.
        queued_s: When the job came to wait for a runner; once it runs, when this attempt started.
        ends_s: When this attempt is due to end.
        taken_s: When it took the runner it has; negative while it has none.
        good, bad: Whether it, and all it follows, went well; whether one of them failed.
        left: Jobs that have not ended.
    """

    number: int
    arrival_s: float
    open_needs: list[int]
    phase: list[int]
    attempt: list[int]
    queued_s: list[float]
    ends_s: list[float]
    taken_s: list[float]
    good: list[bool]
    bad: list[bool]
    left: int
    legs_running: dict[str, int] = field(default_factory=dict)
    legs_waiting: dict[str, deque[int]] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)

    @classmethod
    def new(cls, number: int, arrival_s: float, before: Sequence[Sequence[int]]) -> RunUnderWay:
        """A run in which nothing has begun; `before` holds the jobs that each one needs."""
        jobs = len(before)
        return cls(
            number=number,
            arrival_s=arrival_s,
            open_needs=[len(needed) for needed in before],
            phase=[WAITING] * jobs,
            attempt=[0] * jobs,
            queued_s=[0.0] * jobs,
            ends_s=[0.0] * jobs,
            taken_s=[-1.0] * jobs,
            good=[True] * jobs,
            bad=[False] * jobs,
            left=jobs,
        )


Waiter: TypeAlias = tuple[RunUnderWay, int]
"""A job of a run; the number -1 stands for the run itself."""


@dataclass(slots=True)
class Pool:
    """Runners of one label: how many are free, and who waits for one, first come first served."""

    free: int
    queue: deque[Waiter] = field(default_factory=deque)


@dataclass(slots=True)
class Group:
    """A concurrency group of jobs, or of whole runs."""

    holder: Waiter | None = None
    pending: deque[Waiter] = field(default_factory=deque)
