"""A job without a time limit: one that hangs holds its runner, and everybody who waits, for GitHub's six hours."""

from __future__ import annotations

import math
from typing import Final

from makespan_analytics.profiles import JobProfile
from makespan_model.units import format_duration
from makespan_optimizer.claims import AddedTimeout
from makespan_optimizer.graph.gates import acts_on_the_world
from makespan_optimizer.passes.evidence import Evidence, match_steps
from makespan_optimizer.passes.findings import Finding, PassInfo
from makespan_optimizer.workflow.model import Job, Workflow
from makespan_optimizer.yaml.edits import Edit, append_entries

PASS: Final = PassInfo(
    name="missing_timeout",
    ceiling="measured",
    summary="a job that may hang for hours because nothing limits its time",
    docs="passes/missing_timeout.md",
)

DEFAULT_LIMIT_S: Final = 360 * 60.0
"""What GitHub gives a job that says nothing."""
# The longest of n runs is exceeded by the next once in n + 1 times (Wilks, Ann. Math. Statist. 12, 1941); fewer runs
# say too little for a limit that fails a job.
MINIMUM_RUNS: Final = 10
# Three times the longest run: a cold cache or a slow runner doubles a job's time, hanging multiplies it.
_HEADROOM: Final = 3.0
_LEAST_SPARE_S: Final = 600.0
_STEP_MINUTES: Final = 5


def find(workflow: Workflow, evidence: Evidence) -> list[Finding]:
    """Jobs whose measured times are far from the limit they have, in the order of the file."""
    found = []
    for job in workflow.jobs:
        profile = evidence.profile.job(job.job_id) if evidence.profile else None
        if profile is None or not _is_unlimited(job) or acts_on_the_world(job, workflow):
            continue
        if _was_measured(job, profile):
            minutes = limit_minutes(profile)
            if minutes is not None:
                found.append(_finding(job, profile, minutes))
    return found


def rewrite(workflow: Workflow, finding: Finding) -> list[Edit]:
    """Write the limit below the job's `runs-on`."""
    (claim,) = finding.claims
    assert isinstance(claim, AddedTimeout)
    entry = f"timeout-minutes: {claim.minutes}\n"
    return [append_entries(workflow.document, ("jobs", finding.job_id), entry, after="runs-on")]


def limit_minutes(profile: JobProfile) -> int | None:
    """The limit in whole minutes for a job of these times; None where too few are known or it would change little."""
    successes = profile.runs - profile.failures
    if profile.longest_s is None or successes < MINIMUM_RUNS:
        return None
    limit_s = max(_HEADROOM * profile.longest_s, profile.longest_s + _LEAST_SPARE_S)
    minutes = math.ceil(limit_s / 60 / _STEP_MINUTES) * _STEP_MINUTES
    return minutes if minutes * 60 <= DEFAULT_LIMIT_S / 2 else None


def _is_unlimited(job: Job) -> bool:
    return job.timeout is None and job.uses is None and not job.shared and job.node.get("runs-on") is not None


def _was_measured(job: Job, profile: JobProfile) -> bool:
    """Whether the job's history is that of all its commands; a job that took others over has yet to be measured."""
    return all(
        found is not None or step.run is None for step, found in zip(job.steps, match_steps(job, profile), strict=True)
    )


def _finding(job: Job, profile: JobProfile, minutes: int) -> Finding:
    assert profile.longest_s is not None
    successes = profile.runs - profile.failures
    return Finding(
        pass_name=PASS.name,
        job_id=job.job_id,
        place=job.span,
        what=f"job {job.job_id!r} has no time limit of its own",
        why=(
            f"Hanging, it would hold its runner for {format_duration(DEFAULT_LIMIT_S)}. The longest of {successes} "
            f"successful runs took {format_duration(profile.longest_s)}; {minutes} minutes are three times that."
        ),
        evidence="measured",
        claims=(AddedTimeout(job.job_id, minutes),),
    )
