"""Reads the steps of a job or of a composite action."""

from __future__ import annotations

from collections.abc import Iterator

from makespan_optimizer.workflow.fields import Fields, span
from makespan_optimizer.workflow.model import Step
from makespan_optimizer.workflow.places import Span
from makespan_optimizer.yaml.nodes import Mapping, Sequence, has_sharing, resolved

# In-job parallel steps, as GitHub's parser names them (npm @actions/workflow-parser 0.3.61).
_CONTROL_KEYS = ("parallel", "wait", "wait-all", "cancel")
_KEYS = (
    "background",
    "continue-on-error",
    "env",
    "id",
    "if",
    "name",
    "run",
    "shell",
    "timeout-minutes",
    "uses",
    "with",
    "working-directory",
    *_CONTROL_KEYS,
)


def read_steps(fields: Fields, key: str = "steps", *, shares: bool = True) -> Iterator[Step]:
    """The steps under `key`, in order.

    Args:
        fields: Of the job, of `runs`, or of a `parallel` step.
        key: Where the steps are.
        shares: Whether the file may have anchors, aliases or merge keys at all.

    Raises:
        WorkflowError: Not shaped as GitHub wants them.
    """
    document = fields.document
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
        shared = shares and (mapping is not item or has_sharing(item))
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
        parallel=tuple(read_steps(fields, "parallel", shares=shared)) if control == "parallel" else (),
        targets=_targets(fields, control),
        waits_for_all=control == "wait-all" and (fields.text("wait-all") or "true").lower() == "true",
        others=fields.others(_KEYS),
        shared=shared,
        span=place,
        node=fields.node,
    )


def _targets(fields: Fields, control: str | None) -> tuple[str, ...]:
    return tuple(word for word, _ in fields.words(control)) if control in ("wait", "cancel") else ()


def _default_name(run: str | None, uses: str | None, control: str | None) -> str:
    if uses is not None:
        return f"Run {uses}"
    if run is not None:
        return f"Run {run.strip().splitlines()[0] if run.strip() else ''}".rstrip()
    return control or "Run"
