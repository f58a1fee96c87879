"""Reads a GitHub Actions workflow file.

Checks what a rewrite depends on (jobs, needs, steps); spelling out every rule of GitHub's own parser
is left to the validators that verification calls.
"""

from __future__ import annotations

from collections.abc import Iterator

from makespan_model.matching import did_you_mean
from makespan_optimizer.workflow.fields import Fields, span
from makespan_optimizer.workflow.model import Defaults, Job, Span, Step, Workflow
from makespan_optimizer.yaml.nodes import (
    MERGE_KEY,
    Document,
    Entry,
    Mapping,
    Scalar,
    Sequence,
    has_sharing,
    resolved,
    walk,
)
from makespan_optimizer.yaml.reading import parse_document

# In-job parallel steps, as GitHub's parser names them (npm @actions/workflow-parser 0.3.61).
_CONTROL_KEYS = ("parallel", "wait", "wait-all", "cancel")


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
    workflow = Workflow(
        name=top.text("name"),
        text=text,
        file=file,
        triggers=_triggers(top),
        env=top.pairs("env"),
        defaults=_defaults(top),
        permissions=top.canonical("permissions"),
        concurrency=top.canonical("concurrency"),
        jobs=tuple(_job(document, entry) for entry in jobs.node.entries),
        document=document,
    )
    _check_needs(workflow)
    return workflow


def _refuse_merge_keys(document: Document, root: Mapping) -> None:
    """GitHub reads anchors and aliases, but takes `<<` for an unexpected key."""
    for node in walk(root):
        entry = node.entry(MERGE_KEY) if isinstance(node, Mapping) else None
        if entry is not None and not entry.key.style:
            raise document.error("GitHub does not support merge keys ('<<')", entry.key.start)


def _triggers(top: Fields) -> tuple[str, ...]:
    node = top.value("on")
    target = None if node is None else resolved(node)
    if isinstance(target, Mapping):
        return tuple(entry.key.value for entry in target.entries)
    return tuple(word for word, _ in top.words("on"))


def _defaults(fields: Fields) -> Defaults:
    defaults = fields.mapping("defaults")
    run = defaults.mapping("run") if defaults else None
    if run is None:
        return Defaults()
    return Defaults(run.text("shell"), run.text("working-directory"))


def _job(document: Document, entry: Entry) -> Job:
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
    strategy = fields.value("strategy")
    target = None if strategy is None else resolved(strategy)
    needs = fields.words("needs")
    return Job(
        job_id=job_id,
        name=fields.text("name"),
        needs=tuple(need for need, _ in needs),
        condition=fields.text("if"),
        runs_on=_runs_on(fields),
        strategy=fields.canonical("strategy"),
        # A strategy that is one expression may hold a matrix: nobody can tell before it runs.
        has_matrix=isinstance(target, Scalar) or (isinstance(target, Mapping) and target.get("matrix") is not None),
        container=fields.canonical("container"),
        services=fields.canonical("services"),
        environment=fields.canonical("environment"),
        permissions=fields.canonical("permissions"),
        concurrency=fields.canonical("concurrency"),
        outputs=fields.pairs("outputs"),
        env=fields.pairs("env"),
        defaults=_defaults(fields),
        steps=tuple(_steps(document, fields)),
        timeout=fields.text("timeout-minutes"),
        continue_on_error=fields.text("continue-on-error"),
        uses=uses,
        with_=fields.pairs("with"),
        shared=has_sharing(entry.value) or node is not entry.value,
        span=Span(entry.key.start, entry.value.end, *document.place(entry.key.start)),
        needs_spans=tuple(place for _, place in needs),
        node=node,
    )


def _runs_on(fields: Fields) -> str | None:
    node = fields.value("runs-on")
    target = None if node is None else resolved(node)
    if isinstance(target, Mapping):
        return fields.canonical("runs-on")
    return ", ".join(label for label, _ in fields.words("runs-on")) or None


def _steps(document: Document, fields: Fields, key: str = "steps") -> Iterator[Step]:
    node = fields.value(key)
    if node is None:
        return
    target = resolved(node)
    if not isinstance(target, Sequence):
        raise document.error(f"{key!r} of {fields.what} must be a list of steps", node.start)
    for index, item in enumerate(target.items):
        what = f"step {index + 1} of {fields.what}"
        mapping = resolved(item)
        if not isinstance(mapping, Mapping):
            raise document.error(f"{what} must be a mapping", item.start)
        shared = mapping is not item or has_sharing(item)
        yield _step(Fields(document, mapping, what), index, span(document, item), shared=shared)


def _step(fields: Fields, index: int, place: Span, *, shared: bool) -> Step:
    run, uses = fields.text("run"), fields.text("uses")
    control = next((key for key in _CONTROL_KEYS if key in fields), None)
    if run is not None and uses is not None:
        raise fields.document.error(f"{fields.what} has both 'run' and 'uses'", place.start)
    if control is None and "run" not in fields and "uses" not in fields:
        raise fields.document.error(f"{fields.what} has neither 'run' nor 'uses'", place.start)
    name = fields.text("name")
    return Step(
        index=index,
        step_id=fields.text("id"),
        name=name,
        display_name=name or _default_name(run, uses, control),
        run=run,
        uses=uses,
        with_=fields.pairs("with"),
        shell=fields.text("shell"),
        env=fields.pairs("env"),
        condition=fields.text("if"),
        working_directory=fields.text("working-directory"),
        continue_on_error=fields.text("continue-on-error"),
        timeout=fields.text("timeout-minutes"),
        control=control,
        background=(fields.text("background") or "false").lower() == "true",
        parallel=tuple(_steps(fields.document, fields, "parallel")) if control == "parallel" else (),
        shared=shared,
        span=place,
        node=fields.node,
    )


def _default_name(run: str | None, uses: str | None, control: str | None) -> str:
    if uses is not None:
        return f"Run {uses}"
    if run is not None:
        return f"Run {run.strip().splitlines()[0] if run.strip() else ''}".rstrip()
    return control or "Run"


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
