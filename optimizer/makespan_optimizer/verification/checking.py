"""The whole verification of one rewrite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from makespan_model.errors import WorkflowError
from makespan_optimizer.claims import Claim
from makespan_optimizer.verification.alignment import check_alignment
from makespan_optimizer.verification.commands import check_commands
from makespan_optimizer.verification.facts import JobFacts, read_facts
from makespan_optimizer.verification.ordering import check_ordering
from makespan_optimizer.verification.validators import new_complaints


@dataclass(frozen=True, slots=True)
class Verification:
    """What the checks said.

    Attributes:
        problems: Why the rewrite must not be used; empty when it holds.
        checks: Names of the checks that were made.
        notes: What could not be checked, and why.
    """

    problems: tuple[str, ...]
    checks: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was found against the rewrite."""
        return not self.problems


def verify(before: str, after: str, *, file: str, claims: Sequence[Claim]) -> Verification:
    """Check a rewrite.

    Args:
        before: The text it started from, a workflow that was read without error.
        after: The text it made.
        file: For messages.
        claims: What it says it changed; everything else must be as it was.
    """
    try:
        new = read_facts(after, file=file)
    except WorkflowError as error:
        return Verification((f"the result does not parse: {error}",), ("parse",))
    old = read_facts(before, file=file)
    problems = [f"needs of a job that does not exist: {need}" for need in _dangling(new.jobs)]
    if not problems:
        problems += [
            *check_commands(old, new, claims),
            *check_ordering(old, new, claims),
            *check_alignment(old, new, claims),
        ]
    return Verification(tuple(problems), ("parse", "commands", "ordering", "untouched text"))


def lint(before: str, after: str) -> Verification:
    """Ask actionlint, the outside judge, whether a rewrite brought anything new to complain about."""
    complaints = new_complaints(before, after)
    if complaints is None:
        return Verification((), (), ("actionlint is not installed: the result was not linted",))
    return Verification(tuple(f"actionlint: {text}" for text in complaints), ("actionlint",))


def _dangling(jobs: Mapping[str, JobFacts]) -> list[str]:
    return sorted({need for job in jobs.values() for need in job.needs if need not in jobs})
