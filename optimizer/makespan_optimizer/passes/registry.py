"""The passes in the order they run.

Repetitions go first, so that nothing is planned for a step that disappears; needless waits before merging,
which asks who waits for whom; then caches, for merging compares set-ups by what they were measured to cost. Guards,
which change what happens to a run and not what it does, come last.
"""

from __future__ import annotations

from typing import Final, Protocol

from makespan_optimizer.passes import (
    merged_small_jobs,
    missing_timeout,
    needless_needs,
    repeated_setup,
    superseded_runs,
    uncached_install,
)
from makespan_optimizer.passes.evidence import Evidence
from makespan_optimizer.passes.findings import Finding, PassInfo
from makespan_optimizer.workflow.model import Workflow
from makespan_optimizer.yaml.edits import Edit


class Pass(Protocol):
    """What every pass module offers."""

    PASS: PassInfo

    def find(self, workflow: Workflow, evidence: Evidence) -> list[Finding]:
        """Findings in the order of the file; pure."""
        ...

    def rewrite(self, workflow: Workflow, finding: Finding) -> list[Edit]:
        """The edits of one finding of this workflow; pure."""
        ...


PASSES: Final[tuple[Pass, ...]] = (
    repeated_setup,
    needless_needs,
    merged_small_jobs,
    uncached_install,
    missing_timeout,
    superseded_runs,
)
