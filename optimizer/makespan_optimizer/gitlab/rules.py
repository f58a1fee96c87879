"""`rules:`, `only:` and `except:`: what decides whether a job, a pipeline or an include is there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from makespan_optimizer.gitlab.conditions import Condition, ConditionError, parse_condition
from makespan_optimizer.gitlab.fields import MAX_NESTING, Fields, Unknown
from makespan_optimizer.gitlab.needs import Need, read_needs
from makespan_optimizer.gitlab.values import Items, Place, Reference, Table, Text, Value, flattened, nesting
from makespan_optimizer.gitlab.variables import Variables, read_variables

JOB_WHEN = ("on_success", "on_failure", "always", "never", "manual", "delayed")
WORKFLOW_WHEN = ("always", "never")
_RULE_KEYS = (
    "if", "changes", "exists", "when", "start_in", "allow_failure", "variables", "needs", "interruptible",
    "auto_cancel",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paths:
    """`changes` or `exists`.

    Attributes:
        compare_to: The ref that changes are counted from; None for the event's own.
        project: Where `exists` looks, with `ref`; None for this repository.
    """

    paths: tuple[str, ...]
    compare_to: str | None
    project: str | None
    ref: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: it matches when all of `condition`, `changes` and `exists` that are there hold.

    Attributes:
        text: The condition as written.
        when: None leaves the job's own `when`.
        unresolved: A reference into a file that was not read; the rule then says nothing that is known.
    """

    condition: Condition | None
    text: str | None
    changes: Paths | None
    exists: Paths | None
    when: str | None
    start_in: str | None
    allow_failure: bool | None
    variables: Variables
    needs: tuple[Need, ...] | None
    interruptible: bool | None
    auto_cancel: str | None
    unresolved: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Policy:
    """`only` or `except`.

    Attributes:
        refs: Branches, tags, kinds of pipelines or `/patterns/`; None when not asked.
        variables: Conditions of which one must hold; None when not asked.
        changes: Patterns of which one must match a changed path; None when not asked.
        kubernetes: `active`, or None.
    """

    refs: tuple[str, ...] | None
    variables: tuple[Condition, ...] | None
    changes: tuple[str, ...] | None
    kubernetes: str | None
    place: Place


def read_rules(fields: Fields, allowed_when: tuple[str, ...], key: str = "rules") -> tuple[Rule, ...] | None:
    """The rules under a key, nested lists flattened; None when there are none."""
    value = fields.value(key)
    if value is None:
        return None
    if not isinstance(value, Items):
        raise value.place.error(f"{key!r} of {fields.what} must be a list of rules")
    if nesting(value) > MAX_NESTING:
        raise value.place.error(f"{key!r} of {fields.what} is nested deeper than {MAX_NESTING} levels")
    return tuple(_rule(fields, item, allowed_when) for item in flattened(value))


def read_policy(fields: Fields, key: str) -> Policy | None:
    """`only` or `except`; None when absent."""
    value = fields.value(key)
    if value is None:
        return None
    if isinstance(value, Table):
        parts = fields.of(value, f"{key!r} of {fields.what}")
        parts.expect(("refs", "variables", "changes", "kubernetes"))
        conditions = tuple(_parsed(item, parts) for item in parts.list_of("variables"))
        return Policy(
            refs=parts.texts("refs"),
            variables=conditions if parts.value("variables") is not None else None,
            changes=parts.texts("changes"),
            kubernetes=parts.text("kubernetes"),
            place=value.place,
        )
    return Policy(fields.texts(key), None, None, None, value.place)


def _rule(fields: Fields, item: Value, allowed_when: tuple[str, ...]) -> Rule:
    if isinstance(item, Reference):
        fields.unknown.append(Unknown("rules", f"{item} lies in a file that was not read", item.place))
        return Rule(None, None, None, None, None, None, None, (), None, None, None, True, item.place)
    if not isinstance(item, Table) or not item.entries:
        raise item.place.error(f"a rule of {fields.what} must be a mapping with a key")
    before = len(fields.unknown)
    parts = fields.of(item, f"a rule of {fields.what}")
    parts.expect(_RULE_KEYS)
    condition = item.get("if")
    auto_cancel = parts.nested("auto_cancel")
    rule = Rule(
        condition=None if condition is None or parts.value("if") is None else _parsed(condition, parts),
        text=parts.text("if"),
        changes=_paths(parts, "changes"),
        exists=_paths(parts, "exists"),
        when=parts.one_of("when", allowed_when),
        start_in=parts.text("start_in"),
        allow_failure=parts.boolean("allow_failure"),
        variables=read_variables(parts),
        needs=read_needs(parts),
        interruptible=parts.boolean("interruptible"),
        auto_cancel=None if auto_cancel is None else auto_cancel.text("on_new_commit"),
        unresolved=False,
        place=item.place,
    )
    if len(fields.unknown) == before:
        return rule
    # A clause that is not known leaves open whether the rule matches.
    unclear = any(unknown.key not in ("when", "variables", "needs") for unknown in fields.unknown[before:])
    return replace(rule, unresolved=True) if unclear else rule


def _parsed(value: Value, fields: Fields) -> Condition:
    if not isinstance(value, Text):
        raise value.place.error(f"a condition of {fields.what} must be a text")
    try:
        return parse_condition(value.text)
    except ConditionError as error:
        raise _condition_place(value, error).error(
            f"the condition {value.text!r} of {fields.what} cannot be read: {error}"
        ) from None


def _condition_place(value: Text, error: ConditionError) -> Place:
    """The very character, where the file holds the text as it is."""
    inside = value.place.text.find(value.text)
    if inside < 0:
        return value.place
    return Place(value.place.document, value.place.start + inside + error.offset, value.place.end)


def _paths(fields: Fields, key: str) -> Paths | None:
    value = fields.value(key)
    if value is None:
        return None
    if isinstance(value, Table):
        parts = fields.of(value, f"{key!r} of {fields.what}")
        parts.expect(("paths", "compare_to") if key == "changes" else ("paths", "project", "ref"))
        return Paths(
            parts.texts("paths") or (),
            parts.text("compare_to"),
            parts.text("project"),
            parts.text("ref"),
            value.place,
        )
    return Paths(fields.texts(key) or (), None, None, None, value.place)
