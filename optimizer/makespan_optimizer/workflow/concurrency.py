"""`concurrency` of a workflow or a job: one run of a group at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan_optimizer.expressions.values import Unknown
from makespan_optimizer.workflow.fields import Fields, scalar_text, span
from makespan_optimizer.workflow.places import OtherKey, Span
from makespan_optimizer.workflow.scalars import static_flag
from makespan_optimizer.yaml.nodes import Mapping, resolved


@dataclass(frozen=True, slots=True)
class Concurrency:
    """A concurrency group; GitHub compares its name without case, in the whole repository.

    Attributes:
        canonical: Equal for equal values, whatever their style.
        group: With its expressions; None where nothing is written below the key.
        cancel_in_progress: Whether a newcomer cancels what runs; UNKNOWN where an expression decides.
        queue: `single` (one may wait; a newcomer takes its place) or `max`, as written.
        others: Keys without a field here.
    """

    canonical: str
    group: str | None
    cancel_in_progress: bool | Unknown
    queue: str | None
    others: tuple[OtherKey, ...]
    span: Span = field(compare=False)


def read_concurrency(fields: Fields) -> Concurrency | None:
    """Read `concurrency`, a name or a mapping.

    Raises:
        WorkflowError: No group is named.
    """
    node, canonical = fields.value("concurrency"), fields.canonical("concurrency")
    if node is None or canonical is None:
        return None
    place = span(fields.document, node)
    if not isinstance(resolved(node), Mapping):
        group = scalar_text(fields.document, node, f"'concurrency' of {fields.what}")
        return Concurrency(canonical, group, cancel_in_progress=False, queue=None, others=(), span=place)
    inner = fields.mapping("concurrency")
    assert inner is not None
    if "group" not in inner:
        raise fields.document.error(f"'concurrency' of {fields.what} has no 'group'", node.start)
    return Concurrency(
        canonical=canonical,
        group=inner.text("group"),
        cancel_in_progress=static_flag(inner.text("cancel-in-progress"), default=False),
        queue=inner.text("queue"),
        others=inner.others(("group", "cancel-in-progress", "queue")),
        span=place,
    )
