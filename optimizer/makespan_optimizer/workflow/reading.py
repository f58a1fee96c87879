"""Reads a GitHub Actions workflow file.

Checks what a rewrite depends on (jobs, needs, steps); spelling out every rule of GitHub's own parser
is left to the validators that verification calls.
"""

from __future__ import annotations

from makespan_model.matching import did_you_mean
from makespan_optimizer.workflow.concurrency import read_concurrency
from makespan_optimizer.workflow.containers import read_container, read_services
from makespan_optimizer.workflow.environments import read_environment
from makespan_optimizer.workflow.fields import Fields
from makespan_optimizer.workflow.model import Defaults, Job, Workflow
from makespan_optimizer.workflow.permissions import read_permissions
from makespan_optimizer.workflow.places import Span
from makespan_optimizer.workflow.runners import read_runner
from makespan_optimizer.workflow.step_order import check_step_order
from makespan_optimizer.workflow.steps import read_steps
from makespan_optimizer.workflow.strategy import read_strategy
from makespan_optimizer.workflow.triggers import read_triggers
from makespan_optimizer.yaml.nodes import (
    MERGE_KEY,
    Document,
    Entry,
    Mapping,
    Scalar,
    has_sharing,
    resolved,
    walk,
)
from makespan_optimizer.yaml.reading import parse_document

_WORKFLOW_KEYS = ("concurrency", "defaults", "description", "env", "jobs", "name", "on", "permissions", "run-name")
_JOB_KEYS = (
    "cancel-timeout-minutes",
    "concurrency",
    "container",
    "continue-on-error",
    "defaults",
    "env",
    "environment",
    "if",
    "name",
    "needs",
    "outputs",
    "permissions",
    "runs-on",
    "secrets",
    "services",
    "snapshot",
    "steps",
    "strategy",
    "timeout-minutes",
    "uses",
    "with",
)


def read_workflow(text: str, *, file: str) -> Workflow:
    """Read one workflow.

    Args:
        text: The file decoded from UTF-8, with its BOM and line endings.
        file: The path as the user gave it, for messages.

    Raises:
        WorkflowError: Not YAML, or not a workflow; says what and where.
    """
    document = parse_document(text, file=file)
    root = None if document.root is None else resolved(document.root)
    if not isinstance(root, Mapping):
        raise document.error("a workflow must be a mapping with the keys 'on' and 'jobs'", root.start if root else 0)
    _refuse_merge_keys(document, root)
    top = Fields(document, root, "the workflow")
    if "on" not in top:
        raise document.error("the workflow has no 'on' key: nothing would start it", root.start)
    jobs = top.mapping("jobs")
    if jobs is None or not jobs.node.entries:
        entry = top.entry("jobs")
        raise document.error("the workflow has no jobs", root.start if entry is None else entry.key.start)
    events = read_triggers(top)
    shares = has_sharing(root)
    workflow = Workflow(
        name=top.text("name"),
        run_name=top.text("run-name"),
        text=text,
        file=file,
        triggers=tuple(event.event for event in events),
        events=events,
        env=top.pairs("env"),
        defaults=_defaults(top),
        permissions=read_permissions(top),
        concurrency=read_concurrency(top),
        others=top.others(_WORKFLOW_KEYS),
        jobs=tuple(_job(document, entry, shares=shares) for entry in jobs.node.entries),
        document=document,
    )
    _check_needs(workflow)
    for job in workflow.jobs:
        check_step_order(document, job.steps, f"job {job.job_id!r}")
    return workflow


def _refuse_merge_keys(document: Document, root: Mapping) -> None:
    """GitHub reads anchors and aliases, but takes `<<` for an unexpected key."""
    for node in walk(root) if MERGE_KEY in document.text else ():
        entry = node.entry(MERGE_KEY) if isinstance(node, Mapping) else None
        if entry is not None and not entry.key.style:
            raise document.error("GitHub does not support merge keys ('<<')", entry.key.start)


def _defaults(fields: Fields) -> Defaults:
    defaults = fields.mapping("defaults")
    run = defaults.mapping("run") if defaults else None
    if run is None:
        return Defaults()
    return Defaults(run.text("shell"), run.text("working-directory"))


def _job(document: Document, entry: Entry, *, shares: bool) -> Job:
    job_id = entry.key.value
    node = resolved(entry.value)
    if not isinstance(node, Mapping):
        raise document.error(f"job {job_id!r} must be a mapping", entry.key.start)
    fields = Fields(document, node, f"job {job_id!r}")
    uses = fields.text("uses")
    if uses is None and "runs-on" not in fields:
        raise document.error(f"job {job_id!r} has no 'runs-on'", entry.key.start)
    if uses is None and "steps" not in fields:
        raise document.error(f"job {job_id!r} has no 'steps'", entry.key.start)
    strategy = read_strategy(fields)
    needs = fields.words("needs")
    inherits = _inherits_secrets(fields)
    return Job(
        job_id=job_id,
        name=fields.text("name"),
        needs=tuple(need for need, _ in needs),
        condition=fields.text("if"),
        runs_on=_runs_on(fields),
        runner=read_runner(fields),
        strategy=strategy,
        # A strategy that is one expression may hold a matrix: nobody can tell before it runs.
        has_matrix=strategy is not None and strategy.matrix is not None,
        container=read_container(fields),
        services=read_services(fields),
        environment=read_environment(fields),
        permissions=read_permissions(fields),
        concurrency=read_concurrency(fields),
        outputs=fields.pairs("outputs"),
        env=fields.pairs("env"),
        defaults=_defaults(fields),
        steps=tuple(read_steps(fields, shares=shares)),
        timeout=fields.text("timeout-minutes"),
        cancel_timeout=fields.text("cancel-timeout-minutes"),
        continue_on_error=fields.text("continue-on-error"),
        uses=uses,
        with_=fields.pairs("with"),
        secrets=() if inherits else fields.pairs("secrets"),
        inherits_secrets=inherits,
        snapshot=fields.canonical("snapshot"),
        others=fields.others(_JOB_KEYS),
        shared=shares and (has_sharing(entry.value) or node is not entry.value),
        span=Span(entry.key.start, entry.value.end, *document.place(entry.key.start)),
        needs_spans=tuple(place for _, place in needs),
        node=node,
    )


def _inherits_secrets(fields: Fields) -> bool:
    node = fields.value("secrets")
    target = None if node is None else resolved(node)
    return isinstance(target, Scalar) and target.value == "inherit"


def _runs_on(fields: Fields) -> str | None:
    node = fields.value("runs-on")
    target = None if node is None else resolved(node)
    if isinstance(target, Mapping):
        return fields.canonical("runs-on")
    return ", ".join(label for label, _ in fields.words("runs-on")) or None


def _check_needs(workflow: Workflow) -> None:
    known = {job.job_id.lower(): job for job in workflow.jobs}
    for job in workflow.jobs:
        for need, place in zip(job.needs, job.needs_spans, strict=True):
            if need.lower() not in known:
                hint = did_you_mean(need, [other.job_id for other in workflow.jobs])
                raise workflow.document.error(
                    f"job {job.job_id!r} needs {need!r}, which does not exist{hint}", place.start
                )
    _check_cycles(workflow)


def _check_cycles(workflow: Workflow) -> None:
    """Kahn's algorithm; what remains lies on or behind a cycle."""
    waiting = {job.job_id: {need.lower() for need in job.needs} for job in workflow.jobs}
    while ready := [job_id for job_id, needs in waiting.items() if not needs]:
        for job_id in ready:
            del waiting[job_id]
        done = {job_id.lower() for job_id in ready}
        for needs in waiting.values():
            needs -= done
    if waiting:
        job = next(job for job in workflow.jobs if job.job_id in waiting)
        raise workflow.document.error(
            f"jobs need each other in a cycle: {', '.join(sorted(waiting))}", job.needs_spans[0].start
        )
