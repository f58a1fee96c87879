"""A set-up step that an earlier step of the same job has done already."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from makespan_model.units import format_duration
from makespan_optimizer.claims import DroppedDuplicate
from makespan_optimizer.expressions.references import references
from makespan_optimizer.graph.jobs import scalar_texts
from makespan_optimizer.passes.evidence import Evidence
from makespan_optimizer.passes.findings import EvidenceLevel, Finding, PassInfo
from makespan_optimizer.passes.setup_commands import is_pure_setup, read_commands
from makespan_optimizer.workflow.model import Job, Step, Workflow
from makespan_optimizer.yaml.edits import Edit, remove_item

PASS: Final = PassInfo(
    name="repeated_setup",
    ceiling="proven",
    summary="a set-up step repeated in one job",
    docs="passes/repeated_setup.md",
)

# Actions whose second call with equal inputs installs the same tool and puts it on the same PATH.
_SETUP_ACTIONS = frozenset(
    {
        "actions/setup-python",
        "actions/setup-node",
        "actions/setup-go",
        "actions/setup-java",
        "actions/setup-dotnet",
        "ruby/setup-ruby",
        "astral-sh/setup-uv",
        "pnpm/action-setup",
    }
)
_CHECKOUT = "actions/checkout"
_DELETES = re.compile(r"\b(?:rm|rmdir|git\s+(?:clean|checkout|reset|stash)|uninstall|--clear|find\b.*-delete)\b")
# A second install that takes at most a third of the first one's time, or writes at most a tenth, found its work done.
NOOP_TIME_RATIO: Final = 1 / 3
NOOP_WRITE_RATIO: Final = 0.1
# Below this no ratio of two times means anything: process start alone varies that much.
_NOISE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Target:
    index: int


def find(workflow: Workflow, evidence: Evidence) -> list[Finding]:
    """Repeated set-up steps; of several equal ones all but the first."""
    return [finding for job in workflow.jobs for finding in _in_job(workflow, job, evidence)]


def rewrite(workflow: Workflow, finding: Finding) -> list[Edit]:
    """Delete the repetition with its comments."""
    target = finding.target
    assert isinstance(target, _Target)
    return [remove_item(workflow.document, ("jobs", finding.job_id, "steps"), target.index)]


def _in_job(workflow: Workflow, job: Job, evidence: Evidence) -> Iterator[Finding]:
    if job.shared or job.steps_node is None or any(step.control or step.background for step in job.steps):
        return
    first: dict[str, Step] = {}
    seen: dict[str, int] = {}
    for step in job.steps:
        key = step.content_key
        earlier = first.setdefault(key, step)
        if not _is_unconditional(step):
            continue
        seen[key] = seen.get(key, -1) + 1
        if earlier is not step and _is_setup(step) and _is_unconditional(earlier) and not _is_read(job, step):
            yield _finding(workflow, job, earlier, step, seen[key], evidence)


def _is_unconditional(step: Step) -> bool:
    """Whether the step runs exactly when all before it succeeded, and its failure counts."""
    return step.condition is None and step.continue_on_error in (None, "false")


def _is_setup(step: Step) -> bool:
    if step.action is not None:
        return step.action in _SETUP_ACTIONS or step.action == _CHECKOUT
    return step.run is not None and is_pure_setup(read_commands(step.run))


def _is_read(job: Job, step: Step) -> bool:
    """Whether an expression reads the step's outputs or result by its id."""
    if step.step_id is None:
        return False
    conditions = [other.condition for other in job.steps if other.condition is not None]
    found = references(scalar_texts(job.node), conditions)
    return not found.exact or bool(found.members("steps") & {step.step_id.lower(), "*"})


def _finding(workflow: Workflow, job: Job, earlier: Step, step: Step, occurrence: int, evidence: Evidence) -> Finding:
    between = job.steps[earlier.index + 1 : step.index]
    profile = evidence.step(job.job_id, step, occurrence)
    first = evidence.step(job.job_id, earlier)
    level: EvidenceLevel = "assumed"
    why = "Nobody measured that the repetition does nothing."
    if step.action in _SETUP_ACTIONS and not between:
        level, why = "proven", "The same action with the same inputs runs twice in a row."
    elif _may_undo(step, between):
        why = "A step between may undo or change what it sets up."
    elif step.action in _SETUP_ACTIONS:
        why = "The steps between may have changed what it sets up."
    elif step.action == _CHECKOUT:
        why = "A checkout also undoes what the steps before it changed and deletes untracked files."
    elif profile is not None and first is not None:
        shorter = profile.duration_s <= max(_NOISE_S, first.duration_s * NOOP_TIME_RATIO)
        if shorter:
            level = "measured"
            why = f"It took {format_duration(profile.duration_s)} after {format_duration(first.duration_s)} at first."
        elif _wrote_little(first.io_write_bytes, profile.io_write_bytes):
            level, why = "measured", "It wrote next to nothing: its work was done."
        else:
            why = f"It took {format_duration(profile.duration_s)}: it may have had work to do."
    line, _ = workflow.document.place(earlier.span.start)
    return Finding(
        pass_name=PASS.name,
        job_id=job.job_id,
        place=step.span,
        what=f"step {step.display_name!r} of job {job.job_id!r} repeats the set-up of line {line}",
        why=why,
        evidence=level,
        claims=(DroppedDuplicate(job.job_id, step.index),),
        saving_s=None if profile is None else profile.duration_s,
        target=_Target(step.index),
    )


def _may_undo(step: Step, between: tuple[Step, ...]) -> bool:
    """Whether a step between deletes files or installs something else over what `step` sets up."""
    installs = step.run is not None and any(command.kind == "install" for command in read_commands(step.run))
    for other in between:
        if other.action == _CHECKOUT or (other.run is not None and _DELETES.search(other.run)):
            return True
        commands = read_commands(other.run) if other.run is not None else ()
        if installs and any(command.kind == "install" for command in commands):
            return True
    return False


def _wrote_little(first_bytes: int | None, second_bytes: int | None) -> bool:
    return bool(first_bytes) and second_bytes is not None and second_bytes <= (first_bytes or 0) * NOOP_WRITE_RATIO
