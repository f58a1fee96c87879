"""`include:` of a configuration and of `trigger:`: the entries as written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from makespan_optimizer.gitlab.fields import Fields
from makespan_optimizer.gitlab.rules import Rule, read_rules
from makespan_optimizer.gitlab.values import Items, Place, Reference, Table, Text, Value

Kind = Literal["local", "project", "remote", "template", "component", "artifact"]
_KINDS: tuple[Kind, ...] = ("local", "project", "remote", "template", "component", "artifact")
_KEYS = (*_KINDS, "file", "ref", "job", "inputs", "rules", "integrity", "cache", "pipeline")
# What include:rules may say.
_WHEN = ("never", "always")


@dataclass(frozen=True, slots=True)
class Include:
    """One entry.

    Attributes:
        location: The path, address, project, template, component, or artifact.
        files: Of another project, the files in it.
        job: Of an artifact, the job that makes it.
        inputs: What the included file's `spec:inputs` get; None when absent.
        rules: When it is included; None for always.
    """

    kind: Kind
    location: str
    files: tuple[str, ...]
    ref: str | None
    job: str | None
    inputs: Table | None
    rules: tuple[Rule, ...] | None
    place: Place

    def __str__(self) -> str:
        return " ".join((self.kind, self.location, *self.files))


def read_includes(fields: Fields, key: str = "include") -> tuple[Include, ...]:
    """The entries under `include`, in order.

    Raises:
        WorkflowError: An entry that is neither a text nor a mapping with exactly one kind of source.
    """
    value = fields.value(key)
    items = () if value is None else value.items if isinstance(value, Items) else (value,)
    return tuple(_include(fields, item) for item in items)


def _include(fields: Fields, item: Value) -> Include:
    if isinstance(item, Text) and item.text:
        kind: Kind = "remote" if item.text.startswith(("http://", "https://")) else "local"
        return Include(kind, item.text, (), None, None, None, None, item.place)
    if isinstance(item, Reference) or not isinstance(item, Table):
        raise item.place.error("an entry of 'include' must be a path or a mapping")
    parts = fields.of(item, "an entry of 'include'")
    parts.expect(_KEYS)
    kinds = [kind for kind in _KINDS if kind in parts]
    if len(kinds) != 1:
        raise item.place.error(f"an entry of 'include' must have exactly one of {', '.join(_KINDS)}")
    inputs = parts.nested("inputs")
    return Include(
        kind=kinds[0],
        location=parts.needed(kinds[0]),
        files=parts.texts("file") or (),
        ref=parts.text("ref"),
        job=parts.text("job"),
        inputs=None if inputs is None else inputs.table,
        rules=read_rules(parts, _WHEN),
        place=item.place,
    )
