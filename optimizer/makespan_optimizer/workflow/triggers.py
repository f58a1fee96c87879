"""What starts a workflow: `on`, with filters and schedules, and what callers and people hand to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan_optimizer.expressions.values import Unknown
from makespan_optimizer.workflow.fields import Fields, scalar_text, span
from makespan_optimizer.workflow.places import OtherKey, Span
from makespan_optimizer.workflow.scalars import static_flag
from makespan_optimizer.yaml.nodes import AnyNode, Document, Entry, Mapping, Scalar, Sequence, resolved

EVENTS = frozenset(
    {
        "branch_protection_rule",
        "check_run",
        "check_suite",
        "create",
        "delete",
        "deployment",
        "deployment_status",
        "discussion",
        "discussion_comment",
        "fork",
        "gollum",
        "image_version",
        "issue_comment",
        "issues",
        "label",
        "merge_group",
        "milestone",
        "page_build",
        "project",
        "project_card",
        "project_column",
        "public",
        "pull_request",
        "pull_request_comment",
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_target",
        "push",
        "registry_package",
        "release",
        "repository_dispatch",
        "schedule",
        "status",
        "watch",
        "workflow_call",
        "workflow_dispatch",
        "workflow_run",
    }
)
"""Events that GitHub documents ("Events that trigger workflows")."""
FILTERS = (
    "branches",
    "branches-ignore",
    "tags",
    "tags-ignore",
    "paths",
    "paths-ignore",
    "types",
    "workflows",
    "names",
    "versions",
)
_INPUT_KEYS = ("description", "type", "required", "default", "options", "deprecationMessage")


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One filter of an event, such as `branches`, with its patterns in order (a later `!` takes away)."""

    name: str
    patterns: tuple[str, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One `cron` of `schedule`; in UTC without a time zone."""

    cron: str
    timezone: str | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a workflow or an action.

    Attributes:
        kind: `type` as written; None for an action's.
        default: As written, with its expressions.
        options: Choices of a `choice`.
    """

    name: str
    kind: str | None
    required: bool | Unknown
    default: str | None
    description: str | None
    options: tuple[str, ...]
    others: tuple[OtherKey, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class CallSecret:
    """A secret that a called workflow takes."""

    name: str
    required: bool | Unknown
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Output:
    """An output of a called workflow or an action: its value with expressions; None where an action sets it itself."""

    name: str
    value: str | None
    description: str | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Trigger:
    """One event under `on`.

    Attributes:
        schedules: Of `schedule`.
        inputs: Of `workflow_call` or `workflow_dispatch`.
        secrets: Of `workflow_call`; the same for outputs.
        others: Keys without a field here.
    """

    event: str
    filters: tuple[EventFilter, ...]
    schedules: tuple[Schedule, ...]
    inputs: tuple[Input, ...]
    secrets: tuple[CallSecret, ...]
    outputs: tuple[Output, ...]
    others: tuple[OtherKey, ...]
    span: Span = field(compare=False)

    def filter(self, name: str) -> tuple[str, ...] | None:
        """Patterns of a filter; None when it is not written."""
        return next((one.patterns for one in self.filters if one.name == name), None)


def read_triggers(top: Fields) -> tuple[Trigger, ...]:
    """Read `on` in any of its forms: a name, a list of names, a mapping.

    Raises:
        WorkflowError: Not shaped as GitHub wants it.
    """
    node = top.value("on")
    target = None if node is None else resolved(node)
    if isinstance(target, Mapping):
        events = Fields(top.document, target, "'on'")
        return tuple(_trigger(top.document, entry) for entry in events.entries)
    return tuple(Trigger(event, (), (), (), (), (), (), place) for event, place in top.words("on"))


def _trigger(document: Document, entry: Entry) -> Trigger:
    event = entry.key.value
    place = Span(entry.key.start, entry.value.end, *document.place(entry.key.start))
    target = resolved(entry.value)
    if event == "schedule" and isinstance(target, Sequence):
        return Trigger(event, (), tuple(_schedule(document, item) for item in target.items), (), (), (), (), place)
    # GitHub runs workflows with `pull_request: []`, although its editor complains.
    if (isinstance(target, Scalar) and target.is_null) or (isinstance(target, Sequence) and not target.items):
        return Trigger(event, (), (), (), (), (), (), place)
    if not isinstance(target, Mapping):
        raise document.error(f"event {event!r} must be a mapping of its filters", entry.value.start)
    fields = Fields(document, target, f"event {event!r}")
    interface = ("inputs", "secrets", "outputs") if event == "workflow_call" else ("inputs",)
    reads_interface = event in ("workflow_call", "workflow_dispatch")
    inputs = read_inputs(fields) if reads_interface else ()
    for one in inputs if event == "workflow_call" else ():
        if one.kind is None:
            raise document.error(f"input {one.name!r} of 'workflow_call' has no 'type'", one.span.start)
    return Trigger(
        event=event,
        filters=tuple(_filter(fields, name) for name in FILTERS if name in fields),
        schedules=(),
        inputs=inputs,
        secrets=_secrets(fields) if event == "workflow_call" else (),
        outputs=read_outputs(fields) if event == "workflow_call" else (),
        others=fields.others((*FILTERS, *(interface if reads_interface else ()))),
        span=place,
    )


def _filter(fields: Fields, name: str) -> EventFilter:
    node = fields.value(name)
    assert node is not None
    return EventFilter(name, tuple(word for word, _ in fields.words(name)), span(fields.document, node))


def _schedule(document: Document, item: AnyNode) -> Schedule:
    target = resolved(item)
    if not isinstance(target, Mapping):
        raise document.error("each item of 'schedule' must be a mapping with 'cron'", item.start)
    fields = Fields(document, target, "'schedule'")
    cron = fields.text("cron")
    if cron is None:
        raise document.error("an item of 'schedule' has no 'cron'", item.start)
    return Schedule(cron, fields.text("timezone"), span(document, item))


def read_inputs(fields: Fields) -> tuple[Input, ...]:
    """Read the mapping `inputs` of a workflow or an action."""
    inner = fields.mapping("inputs")
    return () if inner is None else tuple(_input(fields.document, entry) for entry in inner.entries)


def _input(document: Document, entry: Entry) -> Input:
    fields, place = _named(document, entry, "input")
    if fields is None:
        return Input(
            entry.key.value, None, required=False, default=None, description=None, options=(), others=(), span=place
        )
    return Input(
        name=entry.key.value,
        kind=fields.text("type"),
        required=static_flag(fields.text("required"), default=False),
        default=fields.text("default"),
        description=fields.text("description"),
        options=tuple(word for word, _ in fields.words("options")),
        others=fields.others(_INPUT_KEYS),
        span=place,
    )


def _secrets(fields: Fields) -> tuple[CallSecret, ...]:
    inner = fields.mapping("secrets")
    found = []
    for entry in () if inner is None else inner.entries:
        own, place = _named(fields.document, entry, "secret")
        required = static_flag(None if own is None else own.text("required"), default=False)
        found.append(CallSecret(entry.key.value, required, place))
    return tuple(found)


def read_outputs(fields: Fields) -> tuple[Output, ...]:
    """Read the mapping `outputs` of a called workflow or an action."""
    inner = fields.mapping("outputs")
    found = []
    for entry in () if inner is None else inner.entries:
        own, place = _named(fields.document, entry, "output")
        value = None if own is None else own.text("value")
        found.append(Output(entry.key.value, value, None if own is None else own.text("description"), place))
    return tuple(found)


def _named(document: Document, entry: Entry, what: str) -> tuple[Fields | None, Span]:
    """The mapping below a name that the author chose; None where nothing is below it."""
    place = Span(entry.key.start, entry.value.end, *document.place(entry.key.start))
    target = resolved(entry.value)
    if isinstance(target, Mapping):
        return Fields(document, target, f"{what} {entry.key.value!r}"), place
    scalar_text(document, entry.value, f"{what} {entry.key.value!r}")
    if isinstance(target, Scalar) and not target.is_null:
        raise document.error(f"{what} {entry.key.value!r} must be a mapping", entry.value.start)
    return None, place
