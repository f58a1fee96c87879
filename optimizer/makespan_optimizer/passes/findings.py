"""What a pass says: its metadata, and its findings with their evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from makespan_optimizer.claims import Claim
from makespan_optimizer.prediction.estimates import StepEstimate
from makespan_optimizer.workflow.model import Span

EvidenceLevel = Literal["proven", "measured", "assumed"]
LEVELS: Final[tuple[EvidenceLevel, ...]] = ("proven", "measured", "assumed")
"""From the strongest to the weakest."""


@dataclass(frozen=True, slots=True)
class PassInfo:
    """Metadata of a pass.

    Attributes:
        name: The pass's module and its name on the command line.
        ceiling: The strongest evidence its findings can have.
        summary: What it looks for, one clause.
        docs: Path of its page under `docs/`.
    """

    name: str
    ceiling: EvidenceLevel
    summary: str
    docs: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that can be better, at one place.

    Attributes:
        what: What was found, one sentence.
        why: Why it costs, and why the rewrite is safe or what it risks.
        saving_s: Seconds the pass expects to save on the steps it touches; None without measurements.
        claims: What the rewrite changes, for verification.
        estimates: Expected cost of steps no run has measured.
        target: What `rewrite` needs to know; the pass's own type.
    """

    pass_name: str
    job_id: str
    place: Span
    what: str
    why: str
    evidence: EvidenceLevel
    claims: tuple[Claim, ...]
    saving_s: float | None = None
    estimates: tuple[StepEstimate, ...] = ()
    target: object = field(default=None, repr=False)

    @property
    def finding_id(self) -> str:
        """Stable name of the finding: pass, job and what it claims."""
        parts = [str(getattr(claim, "need", getattr(claim, "index", ""))) for claim in self.claims]
        return ":".join([self.pass_name, self.job_id, *(part for part in parts if part)])


def admits(level: EvidenceLevel, evidence: EvidenceLevel) -> bool:
    """Whether findings of `evidence` are applied when `level` is the weakest allowed."""
    return LEVELS.index(evidence) <= LEVELS.index(level)


def weakest(*levels: EvidenceLevel) -> EvidenceLevel:
    """The weakest of some levels."""
    return max(levels, key=LEVELS.index)
