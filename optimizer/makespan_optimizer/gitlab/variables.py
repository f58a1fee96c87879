"""`variables:` of a pipeline, a job, a service or a rule."""

from __future__ import annotations

from dataclasses import dataclass

from makespan_optimizer.gitlab.fields import Fields, Unknown
from makespan_optimizer.gitlab.values import Place, Reference, Table, Text


@dataclass(frozen=True, slots=True)
class YamlVariable:
    """One variable.

    Attributes:
        value: The text GitLab makes of it, variables in it not expanded; None for an unresolved reference.
        description: What the form of a manual run says.
        options: The values such a form offers.
        expand: Whether variables in the value are expanded.
    """

    name: str
    value: str | None
    description: str | None
    options: tuple[str, ...]
    expand: bool
    place: Place


Variables = tuple[YamlVariable, ...]


def read_variables(fields: Fields, key: str = "variables") -> Variables:
    """The variables under a key, in order; none when it is absent."""
    table = fields.nested(key)
    return () if table is None else tuple(_variable(table, name) for name in table.table.entries)


def values_of(variables: Variables) -> dict[str, str]:
    """Names with their values, unresolved ones left out."""
    return {variable.name: variable.value for variable in variables if variable.value is not None}


def _variable(fields: Fields, name: str) -> YamlVariable:
    value, place = fields.table.entries[name], fields.place(name)
    if isinstance(value, Text):
        return YamlVariable(name, value.text, None, (), True, place)
    if isinstance(value, Reference):
        fields.unknown.append(Unknown(name, f"{value} lies in a file that was not read", value.place))
        return YamlVariable(name, None, None, (), True, place)
    if not isinstance(value, Table):
        raise value.place.error(f"variable {name!r} must be a text or a mapping with 'value'")
    parts = fields.of(value, f"variable {name!r}")
    parts.expect(("value", "description", "options", "expand"))
    options = parts.texts("options") or ()
    text = parts.text("value") or ""
    if options and text not in options:
        raise value.place.error(f"the value {text!r} of variable {name!r} is not among its options")
    return YamlVariable(name, text, parts.text("description"), options, parts.boolean("expand") is not False, place)
