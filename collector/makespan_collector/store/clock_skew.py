"""Clocks that disagree: steps are timed by the worker, their job by the CI provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from makespan_model.records import StepRun

TOLERATED_NS = 2_000_000_000
"""Providers tell whole seconds, rounded down at either end; within two of them no clock is wrong."""


def clock_offset_ns(steps: Sequence[StepRun], start_ns: int, end_ns: int) -> int:
    """By how much the worker's clock is ahead at the least, given when the provider saw its job run.

    The smallest shift that puts all steps within the job. Steps that take longer than the job itself (which no
    shift explains) are centred on it.

    Args:
        steps: Of one job, on one worker.
        start_ns: The job's, by the provider's clock.
        end_ns: The same of its end.

    Returns:
        Nanoseconds; 0 where the steps lie within the job, or stick out by no more than two seconds.
    """
    if not steps:
        return 0
    ahead_ns = max(step.end_ns for step in steps) - end_ns
    behind_ns = start_ns - min(step.start_ns for step in steps)
    if max(ahead_ns, behind_ns) <= TOLERATED_NS:
        return 0
    if ahead_ns > 0 and behind_ns > 0:
        return (ahead_ns - behind_ns) // 2
    return ahead_ns if ahead_ns > 0 else -behind_ns


def aligned(steps: Sequence[StepRun], start_ns: int, end_ns: int) -> tuple[StepRun, ...]:
    """The steps by the provider's clock."""
    offset_ns = clock_offset_ns(steps, start_ns, end_ns)
    if not offset_ns:
        return tuple(steps)
    return tuple(
        replace(step, start_ns=max(0, step.start_ns - offset_ns), end_ns=max(0, step.end_ns - offset_ns))
        for step in steps
    )
