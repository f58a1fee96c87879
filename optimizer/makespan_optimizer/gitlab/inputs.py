"""`spec:inputs` of a file's header, and `$[[ inputs.name ]]` in its configuration.

Source: GitLab's Gitlab::Ci::Config::Interpolation.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from makespan_model.matching import did_you_mean
from makespan_optimizer.gitlab.fields import Fields, Unknown
from makespan_optimizer.gitlab.values import Items, Place, Reference, Table, Text, Value

_BLOCK = re.compile(r"\$\[\[\s*(\S(?:.*?\S)?)\s*\]\]")
_INPUT = re.compile(r"inputs\.([\w-]+)((?:\[\d+\])*)")
_TRUNCATE = re.compile(r"truncate\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_MAX_FUNCTIONS = 3
_TYPES = ("string", "number", "boolean", "array")


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input a file declares.

    Attributes:
        type: `string`, `number`, `boolean` or `array`.
        default: None when a value must be given.
        regex: What a string must match.
    """

    name: str
    type: str
    default: Value | None
    options: tuple[str, ...]
    regex: str | None
    description: str | None
    place: Place


def read_inputs(header: Table | None, unknown: list[Unknown]) -> tuple[InputSpec, ...]:
    """The inputs of a file's header; none without one."""
    if header is None:
        return ()
    spec = Fields(header, "the header", unknown).nested("spec")
    if spec is None:
        return ()
    spec.expect(("inputs", "component"))
    inputs = spec.nested("inputs")
    return () if inputs is None else tuple(_spec(inputs, name) for name in inputs.table.entries)


def interpolated(
    config: Table, specs: tuple[InputSpec, ...], given: Table | None, place: Place | None, unknown: list[Unknown]
) -> Table:
    """The configuration with its inputs filled in.

    Args:
        config: What follows the header.
        specs: The inputs the header declares.
        given: The values of whoever includes the file; None for a file read on its own.
        place: Where it is included; None for a file read on its own. An input without a value is then left as it is.
        unknown: Collects what could not be filled in.

    Raises:
        WorkflowError: A value that is missing, not declared, or not what the declaration allows.
    """
    values: dict[str, Value] = {spec.name: spec.default for spec in specs if spec.default is not None}
    declared = {spec.name: spec for spec in specs}
    for name, value in () if given is None else given.entries.items():
        where = value.place if given is None else given.keys[name]
        if name not in declared:
            raise where.error(f"the included file declares no input {name!r}{did_you_mean(name, declared)}")
        _check(declared[name], value)
        values[name] = value
    missing = [spec.name for spec in specs if spec.name not in values]
    if missing and place is not None:
        raise place.error(f"the included file needs the input {missing[0]!r}")
    if not specs and given is None:
        return config
    return _Filling(values, unknown).table(config)


class _Filling:
    def __init__(self, values: dict[str, Value], unknown: list[Unknown]) -> None:
        self._values = values
        self._unknown = unknown

    def table(self, table: Table) -> Table:
        entries: dict[str, Value] = {}
        keys: dict[str, Place] = {}
        for key, value in table.entries.items():
            place = table.keys[key]
            name = self._text(Text(key, False, place)) if "$[[" in key else None
            filled = name.text if isinstance(name, Text) else key
            entries[filled] = self._value(value)
            keys[filled] = place
        return Table(entries, keys, table.place)

    def _value(self, value: Value) -> Value:
        if isinstance(value, Text):
            return self._text(value) if "$[[" in value.written else value
        if isinstance(value, Items):
            return Items(tuple(map(self._value, value.items)), value.place)
        if isinstance(value, Reference):
            return value
        return self.table(value)

    def _text(self, text: Text) -> Value:
        whole = _BLOCK.fullmatch(text.written)
        if whole is not None:
            found = self._filled(whole[1], text)
            return text if found is None else _placed(found, text.place)

        def fill(block: re.Match[str]) -> str:
            found = self._filled(block[1], text)
            return block[0] if found is None else _as_text(found)

        written = _BLOCK.sub(fill, text.written)
        return text if written == text.written else Text(written, False, text.place)

    def _filled(self, expression: str, text: Text) -> Value | None:
        access, *functions = (part.strip() for part in expression.split("|"))
        if access.startswith("matrix."):
            return None
        found = _INPUT.fullmatch(access)
        value = None if found is None else self._values.get(found[1])
        if found is None or value is None:
            self._unknown.append(Unknown(expression, "no value is known for it", text.place))
            return None
        for index in re.findall(r"\d+", found[2]):
            if not isinstance(value, Items) or int(index) >= len(value.items):
                raise text.place.error(f"{access!r} has no item {index}")
            value = value.items[int(index)]
        if len(functions) > _MAX_FUNCTIONS:
            raise text.place.error(f"more than {_MAX_FUNCTIONS} functions in {expression!r}")
        for function in functions:
            applied = _function(function)
            if applied is None:
                self._unknown.append(Unknown(expression, f"{function!r} depends on the run", text.place))
                return None
            value = Text(applied(_as_text(value)), False, text.place)
        return value


def _function(name: str) -> Callable[[str], str] | None:
    """The functions of a block that depend on nothing but their text; None for any other."""
    if name == "posix_escape":
        return shlex.quote
    cut = _TRUNCATE.fullmatch(name)
    if cut is None:
        return None
    start, length = int(cut[1]), int(cut[2])
    return lambda text: text[start : start + length]


def _spec(fields: Fields, name: str) -> InputSpec:
    place = fields.place(name)
    inner = fields.nested(name)
    if inner is None:
        return InputSpec(name, "string", None, (), None, None, place)
    inner.expect(("type", "default", "options", "regex", "description", "rules"))
    spec = InputSpec(
        name=name,
        type=inner.one_of("type", _TYPES) or "string",
        default=inner.table.get("default"),
        options=inner.texts("options") or (),
        regex=inner.text("regex"),
        description=inner.text("description"),
        place=place,
    )
    if spec.default is not None:
        _check(spec, spec.default)
    return spec


def _check(spec: InputSpec, value: Value) -> None:
    if isinstance(value, Text) and "$" in value.written:
        return
    fits = {
        "string": isinstance(value, Text),
        "number": isinstance(value, Text) and value.plain and re.fullmatch(r"[-+.\deE]+", value.text) is not None,
        "boolean": isinstance(value, Text) and value.boolean is not None,
        "array": isinstance(value, Items),
    }
    if not fits[spec.type]:
        raise value.place.error(f"the input {spec.name!r} must be a {spec.type}")
    if spec.options and _as_text(value) not in spec.options:
        raise value.place.error(f"the input {spec.name!r} must be one of {', '.join(spec.options)}")


def _placed(value: Value, place: Place) -> Value:
    """The value at the place that uses it: an edit there changes the use, not the input."""
    if isinstance(value, Text):
        return Text(value.written, value.plain, place)
    return Items(value.items, place) if isinstance(value, Items) else value


def _as_text(value: Value) -> str:
    if isinstance(value, Text):
        return value.text
    if isinstance(value, Items):
        quoted = (f'"{_as_text(item)}"' if isinstance(item, Text) else _as_text(item) for item in value.items)
        return f"[{', '.join(quoted)}]"
    return value.place.text
