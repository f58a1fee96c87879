"""Flaky steps and tests in order of what they cost, with what to do about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from makespan_analytics.flakiness.estimation import Flakiness, estimate
from makespan_analytics.flakiness.outcomes import Record, SpuriousFailure, Subject

_QUARANTINE_FROM = 0.05
"""From one failure in twenty on, a single retry still fails one commit in four hundred: more than the one in a
thousand a required check may cost its team in false alarms."""
_RETRY_FROM = 0.002
_FEWEST_EXECUTIONS = 10
"""Under this no rate is told from any other: the interval of one failure in nine reaches from 1 % to 40 %."""


class Advice(StrEnum):
    """What to do about a flaky subject."""

    QUARANTINE = "quarantine"
    """Run it outside of what must pass until it is mended."""
    RETRY = "retry"
    """One more try is cheap and enough."""
    WATCH = "watch"
    """It failed without a cause, but hardly ever, or too little is known."""


@dataclass(frozen=True, slots=True)
class FlakyStanding:
    """One subject with a failure that the code cannot explain.

    Attributes:
        executions: How often it ran, retries included.
        groups: Commits and legs it was seen on; in `mixed_groups` of them equal inputs had different outcomes.
        retried: How often it passed only after a retry within its own step.
        lost_s: Runner time of the jobs it spoilt.
    """

    subject: Subject
    name: str
    executions: int
    groups: int
    mixed_groups: int
    flakiness: Flakiness
    spurious: tuple[SpuriousFailure, ...]
    retried: int
    lost_s: float
    advice: Advice

    @property
    def with_one_retry(self) -> float:
        """Probability that good code still fails when one more try is given."""
        return self.flakiness.probability**2


def flaky_standings(records: Sequence[Record]) -> tuple[FlakyStanding, ...]:
    """The records with outcomes that differed on equal inputs, the costliest first.

    Args:
        records: All of one kind, steps or tests, those that never failed included where they are known: they
            tell what is usual.
    """
    found = [
        _standing(record, flakiness)
        for record, flakiness in zip(records, estimate([record.groups for record in records]), strict=True)
        if any(group.is_mixed for group in record.groups)
    ]
    return tuple(sorted(found, key=lambda one: (-one.lost_s, -one.flakiness.probability, str(one.subject))))


def _standing(record: Record, flakiness: Flakiness) -> FlakyStanding:
    executions = sum(group.executions for group in record.groups)
    return FlakyStanding(
        subject=record.subject,
        name=record.name,
        executions=executions,
        groups=len(record.groups),
        mixed_groups=sum(group.is_mixed for group in record.groups),
        flakiness=flakiness,
        spurious=record.spurious,
        retried=record.retried,
        lost_s=sum(failure.lost_s for failure in record.spurious),
        advice=_advice(flakiness, executions),
    )


def _advice(flakiness: Flakiness, executions: int) -> Advice:
    if executions < _FEWEST_EXECUTIONS:
        return Advice.WATCH
    if flakiness.low >= _QUARANTINE_FROM:
        return Advice.QUARANTINE
    return Advice.RETRY if flakiness.low >= _RETRY_FROM else Advice.WATCH
