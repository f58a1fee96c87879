"""What the claims of a rewrite allow, and whether a step is the one it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from makespan_optimizer.claims import AddedCache, AddedStepId, Claim, DroppedDuplicate, MergedJobs
from makespan_optimizer.verification.facts import JobFacts, StepFacts


@dataclass(frozen=True, slots=True)
class Allowed:
    """The claims of a rewrite, sorted; job ids in lower case.

    Attributes:
        ids: Job and id of steps that got one.
        dropped: Job and position of repeated steps.
    """

    caches: frozenset[str]
    ids: frozenset[tuple[str, str]]
    dropped: frozenset[tuple[str, int]]
    merges: tuple[MergedJobs, ...]

    @classmethod
    def of(cls, claims: Sequence[Claim]) -> Allowed:
        """Sort claims."""
        return cls(
            frozenset(claim.job_id.lower() for claim in claims if isinstance(claim, AddedCache)),
            frozenset((claim.job_id.lower(), claim.step_id) for claim in claims if isinstance(claim, AddedStepId)),
            frozenset((claim.job_id.lower(), claim.index) for claim in claims if isinstance(claim, DroppedDuplicate)),
            tuple(claim for claim in claims if isinstance(claim, MergedJobs)),
        )

    @property
    def absorbed(self) -> frozenset[str]:
        """Jobs whose steps run in another one."""
        return frozenset(name.lower() for merge in self.merges for name in merge.absorbed)


def is_same(step: StepFacts, found: StepFacts, job: JobFacts, allowed: Allowed) -> bool:
    """Whether `found` is `step` of `job`, at most with an id that was claimed and that nobody read before."""
    if step.values == found.values:
        return True
    added = found.text("id")
    return (
        added is not None
        and "id" not in step.values
        and (job.job_id.lower(), added) in allowed.ids
        and step.values == found.without("id")
        and not mentions_step(job, added)
        and all((other.text("id") or "").lower() != added.lower() for other in job.steps)
    )


def mentions_step(job: JobFacts, step_id: str) -> bool:
    """Whether the text of a job reads a step by its id, or all steps."""
    return re.search(rf"\bsteps\s*(?:\.\s*|\[\s*')(?:{re.escape(step_id)}\b|\*)", job.source, re.IGNORECASE) is not None


def label(step: StepFacts) -> str:
    """What a reader calls a step."""
    text = step.text("name") or step.text("uses") or (step.text("run") or "?").strip().splitlines()[0]
    return repr(text)
