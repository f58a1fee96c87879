"""Runs the passes over a workflow until none finds more, verifying every rewrite before it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from makespan_model.errors import MakespanError
from makespan_optimizer.claims import MergedJobs
from makespan_optimizer.diffs import unified_diff
from makespan_optimizer.passes.evidence import Evidence
from makespan_optimizer.passes.findings import EvidenceLevel, Finding, admits
from makespan_optimizer.passes.registry import PASSES, Pass
from makespan_optimizer.prediction.estimates import StepEstimate
from makespan_optimizer.verification.checking import Verification, lint, verify
from makespan_optimizer.workflow.model import Workflow
from makespan_optimizer.workflow.reading import read_workflow
from makespan_optimizer.yaml.splices import apply_edits

# Every applied finding removes its own cause, so the passes end by themselves; this bounds a pass that does not.
_MAX_APPLIED = 500
_NOT_LINTED = Verification((), ())


@dataclass(frozen=True, slots=True)
class Applied:
    """A finding that was rewritten.

    Attributes:
        line: Its line in the original file.
        verification: What was checked.
    """

    finding: Finding
    line: int
    verification: Verification


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A finding that was not rewritten.

    Attributes:
        line: Its line in the original file.
        admitted_by: The evidence level that would admit it; None when no level would.
        problems: Why its rewrite was refused; empty when only its evidence was too weak.
    """

    finding: Finding
    line: int
    admitted_by: EvidenceLevel | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A workflow and what became of it.

    Attributes:
        after: The original itself when nothing was applied.
        estimates: Costs of unmeasured steps of `after`.
        lint: What actionlint said of the result.
    """

    before: Workflow
    after: Workflow
    applied: tuple[Applied, ...]
    held_back: tuple[HeldBack, ...]
    estimates: tuple[StepEstimate, ...]
    lint: Verification = _NOT_LINTED

    @property
    def changed(self) -> bool:
        """Whether the file would change."""
        return self.before.text != self.after.text

    @property
    def refused(self) -> tuple[HeldBack, ...]:
        """Findings whose rewrite did not pass verification."""
        return tuple(held for held in self.held_back if held.problems)

    @property
    def checks(self) -> tuple[str, ...]:
        """Names of the checks the result passed."""
        made = [check for applied in self.applied for check in applied.verification.checks]
        return tuple(dict.fromkeys([*made, *self.lint.checks]))

    def diff(self) -> str:
        """Unified diff of the file; empty when nothing changed."""
        return unified_diff(self.before.text, self.after.text, file=self.before.file)


def optimize(
    workflow: Workflow, evidence: Evidence, *, level: EvidenceLevel = "proven", passes: Sequence[Pass] = PASSES
) -> Plan:
    """Apply what the evidence level admits, one finding at a time, until nothing more is found.

    Args:
        workflow: The file as it is.
        evidence: History joined to this workflow by `evidence_for`.
        level: The weakest evidence whose rewrites are applied.
        passes: In the order they are tried.
    """
    plan = _Search(workflow, evidence, level, passes, lints=False).run()
    if not plan.changed:
        return plan
    judged = lint(workflow.text, plan.after.text)
    if judged.holds:
        return replace(plan, lint=judged)
    # Rare: find out which rewrite it was by asking after each one.
    return replace(_Search(workflow, evidence, level, passes, lints=True).run(), lint=Verification((), judged.checks))


class _Search:
    """The state of one `optimize`."""

    def __init__(
        self, workflow: Workflow, evidence: Evidence, level: EvidenceLevel, passes: Sequence[Pass], *, lints: bool
    ) -> None:
        self._before = self._now = workflow
        self._evidence = evidence
        self._level = level
        self._passes = passes
        self._lints = lints
        self._applied: list[Applied] = []
        self._refused: dict[str, HeldBack] = {}

    def run(self) -> Plan:
        """Apply findings until there is none left."""
        while self._step():
            pass
        return self._plan()

    def _step(self) -> bool:
        """Apply the first admitted finding; False when there is none left."""
        if len(self._applied) >= _MAX_APPLIED:
            return False
        for optimizer_pass in self._passes:
            for finding in optimizer_pass.find(self._now, self._evidence):
                wanted = admits(self._level, finding.evidence) and finding.finding_id not in self._refused
                if wanted and self._apply(optimizer_pass, finding):
                    return True
        return False

    def _plan(self) -> Plan:
        found = [
            finding for each in self._passes for finding in each.find(self._now, self._evidence)
            if not admits(self._level, finding.evidence)
        ]  # fmt: skip
        weaker = [HeldBack(finding, self._line(finding), finding.evidence) for finding in found]
        return Plan(
            before=self._before,
            after=self._now,
            applied=tuple(self._applied),
            held_back=(*self._refused.values(), *weaker),
            estimates=self._evidence.estimates,
        )

    def _apply(self, optimizer_pass: Pass, finding: Finding) -> bool:
        try:
            document = apply_edits(self._now.document, optimizer_pass.rewrite(self._now, finding))
            after = read_workflow(document.text, file=self._now.file)
        except MakespanError as error:
            self._refuse(finding, (str(error),))
            return False
        verification = verify(self._now.text, after.text, file=self._now.file, claims=finding.claims)
        if verification.holds and self._lints:
            verification = lint(self._now.text, after.text)
        if not verification.holds:
            self._refuse(finding, verification.problems)
            return False
        self._applied.append(Applied(finding, self._line(finding), verification))
        self._evidence = self._evidence.with_estimates(_kept_estimates(self._evidence, finding, after))
        self._now = after
        return True

    def _refuse(self, finding: Finding, problems: tuple[str, ...]) -> None:
        self._refused[finding.finding_id] = HeldBack(finding, self._line(finding), None, problems)

    def _line(self, finding: Finding) -> int:
        """The line in the original file: a finding's own place is one of the file as it was when it was found."""
        now, before = self._now.job(finding.job_id), self._before.job(finding.job_id)
        if now is None or before is None:
            return finding.place.line
        step = next((step for step in now.steps if step.span == finding.place), None)
        original = [] if step is None else [other for other in before.steps if other.content_key == step.content_key]
        if step is None or not original:
            return before.span.line + max(0, finding.place.line - now.span.line)
        alike = [other.index for other in now.steps if other.content_key == step.content_key]
        return original[min(alike.index(step.index), len(original) - 1)].span.line


def _kept_estimates(evidence: Evidence, finding: Finding, after: Workflow) -> tuple[StepEstimate, ...]:
    """Estimates of the new workflow: those of absorbed jobs move to the job that took their steps."""
    renamed = {name: claim.kept for claim in finding.claims if isinstance(claim, MergedJobs) for name in claim.absorbed}
    steps = {(job.job_id, step.content_key) for job in after.jobs for step in job.steps}
    kept: dict[tuple[str, str], StepEstimate] = {}
    for estimate in (*evidence.estimates, *finding.estimates):
        moved = replace(estimate, job_id=renamed.get(estimate.job_id, estimate.job_id))
        key = (moved.job_id, moved.content_key)
        if key in steps and (key not in kept or estimate in finding.estimates):
            kept[key] = moved
    return tuple(kept.values())
