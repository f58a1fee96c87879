"""The shape of a GitHub Actions workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from makespan_model.identity import job_label
from makespan_optimizer.expressions.conditions import read_condition
from makespan_optimizer.expressions.evaluation import certain_truth
from makespan_optimizer.expressions.grammar import ExpressionError
from makespan_optimizer.expressions.references import references
from makespan_optimizer.expressions.values import Unknown, is_primitive, to_text
from makespan_optimizer.simulation.shape import ConcurrencyGroup, JobShape, PipelineShape, StartsWhen, in_order
from makespan_optimizer.workflow.concurrency import Concurrency
from makespan_optimizer.workflow.matrix import MAX_LEGS, Leg
from makespan_optimizer.workflow.model import Job, Workflow
from makespan_optimizer.workflow.scalars import static_flag, static_text

_LONGEST_JOB_S = 360 * 60.0
"""What `timeout-minutes` is without being written (GitHub, Workflow syntax)."""
_ALONE = Leg({}, "")


def github_shape(workflow: Workflow) -> PipelineShape:
    """Take from a workflow what decides when its jobs run.

    Raises:
        WorkflowError: A matrix of more legs than GitHub runs, or of none.
    """
    notes: list[str] = []
    jobs: list[JobShape] = []
    unexpanded: set[str] = set()
    # `needs` may spell a job id with other capitals than its key.
    spelled = {job.job_id.lower(): job.job_id for job in workflow.jobs}
    for job in workflow.jobs:
        legs = _legs(workflow, job)
        if legs is None:
            unexpanded.add(job.job_id)
        base = _job(job, spelled, notes)
        jobs += [_leg(job, base, leg) for leg in legs or (_ALONE,)]
    return PipelineShape(
        provider="github",
        file=workflow.file,
        jobs=in_order(_distinct(jobs), workflow.file),
        group=_group(workflow.concurrency, "the workflow", notes),
        unexpanded=frozenset(unexpanded),
        notes=tuple(notes),
    )


def _legs(workflow: Workflow, job: Job) -> tuple[Leg, ...] | None:
    """The legs; one without values for a job without a matrix; None where only a run decides them."""
    if job.matrix is None:
        return (_ALONE,)
    legs = None if isinstance(job.matrix, Unknown) else job.matrix.legs()
    if legs is not None and not 0 < len(legs) <= MAX_LEGS:
        raise workflow.document.error(
            f"the matrix of {job.job_id!r} has {len(legs)} legs; GitHub runs 1 to {MAX_LEGS}", job.span.start
        )
    return legs


def _job(job: Job, spelled: Mapping[str, str], notes: list[str]) -> JobShape:
    """What all legs have in common."""

    def told(value: float | bool | Unknown | None, key: str, otherwise: float | None) -> float | None:
        if isinstance(value, Unknown):
            instead = "none is taken" if otherwise is None else f"{otherwise:g} is taken"
            notes.append(f"{key} of job {job.job_id!r} is decided by a run: {instead}")
            return otherwise
        return otherwise if value is None else float(value)

    minutes = told(job.timeout_minutes, "timeout-minutes", _LONGEST_JOB_S / 60)
    at_once = told(None if job.strategy is None else job.strategy.max_parallel, "max-parallel", None)
    fail_fast = told(None if job.strategy is None else job.strategy.fail_fast, "fail-fast", 1.0)
    return JobShape(
        name=job.job_id,
        job_id=job.job_id,
        needs=tuple(dict.fromkeys(spelled[need.lower()] for need in job.needs)),
        starts_when=_starts_when(job),
        conditional=job.condition is not None,
        never_runs=_never_runs(job),
        timeout_s=minutes * 60 if minutes and job.uses is None else None,
        fail_fast=job.has_matrix and bool(fail_fast),
        max_parallel=max(1, int(at_once)) if at_once is not None else None,
        group=_group(job.concurrency, f"job {job.job_id!r}", notes),
        calls=job.uses is not None,
    )


def _leg(job: Job, base: JobShape, leg: Leg) -> JobShape:
    contexts = {"matrix": leg.values}
    # The agent names a leg by all values of the `matrix` context, also those that `include` added.
    values = {key: to_text(value) if is_primitive(value) else value for key, value in leg.values.items()}
    aliases = [job_label(job.job_id, dict(values))]
    if job.name is not None:
        shown = static_text(job.name, contexts)
        if not isinstance(shown, Unknown):
            # A name with an expression of its own is shown as it is; else GitHub adds the leg's values.
            aliases += [leg.job_name(shown), shown]
    name = leg.job_name(job.job_id)
    labels = None if job.runner is None else job.runner.labels_for(leg.values)
    tolerated = static_flag(job.continue_on_error, default=False)
    if isinstance(tolerated, Unknown) and job.continue_on_error is not None:
        tolerated = static_text(job.continue_on_error, contexts) == "true"
    return replace(
        base,
        name=name,
        aliases=tuple(alias for alias in dict.fromkeys(aliases) if alias != name),
        labels=None if isinstance(labels, Unknown) or not labels else labels,
        failure_tolerated=tolerated is True,
    )


def _distinct(jobs: list[JobShape]) -> tuple[JobShape, ...]:
    """Legs whose names are equal (they differ in what `include` adds, or are cut short) get a number."""
    seen: dict[str, int] = {}
    found: list[JobShape] = []
    for job in jobs:
        seen[job.name] = seen.get(job.name, 0) + 1
        found.append(job if seen[job.name] == 1 else replace(job, name=f"{job.name} #{seen[job.name]}"))
    return tuple(found)


def _starts_when(job: Job) -> StartsWhen:
    """By the status functions of the condition; what else it says is known from runs only."""
    if job.condition is None:
        return StartsWhen.SUCCESS
    functions = references((), [job.condition]).functions
    if "always" in functions or {"success", "failure"} <= functions:
        return StartsWhen.ALWAYS
    if "failure" in functions:
        return StartsWhen.FAILURE
    # `!cancelled()` is what this function is written for; a run that a person cancels is not simulated.
    return StartsWhen.ALWAYS if "cancelled" in functions else StartsWhen.SUCCESS


def _never_runs(job: Job) -> bool:
    if job.condition is None:
        return False
    try:
        condition = read_condition(job.condition)
    except ExpressionError:
        return False
    if condition.expression is None or condition.is_text:
        return False
    return certain_truth(condition.expression) is False


def _group(written: Concurrency | None, what: str, notes: list[str]) -> ConcurrencyGroup | None:
    """The concurrency group, where it is the same in every run."""
    if written is None or not written.group:
        return None
    name = static_text(written.group)
    if isinstance(name, Unknown):
        notes.append(f"the concurrency group of {what} differs from run to run: no run waits for another there")
        return None
    if isinstance(written.cancel_in_progress, Unknown):
        notes.append(f"whether {what} cancels its concurrency group, only a run decides: it waits here")
    return ConcurrencyGroup(name.lower(), written.cancel_in_progress is True, written.queue != "max")
