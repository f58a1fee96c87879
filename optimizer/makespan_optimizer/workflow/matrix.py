"""The matrix of a job, expanded as GitHub expands it.

The algorithm is that of `MatrixBuilder` in github.com/actions/runner (src/Sdk/WorkflowParser/Conversion): the first
vector varies slowest; `exclude` and `include` compare leaf by leaf with the `==` of expressions; an included object
adds to every combination of the vectors that it fits, and is a leg of its own where it fits none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from makespan_optimizer.expressions.values import (
    UNKNOWN,
    MaybeValue,
    Unknown,
    Value,
    equal,
    is_primitive,
    to_number,
    to_text,
)
from makespan_optimizer.workflow.places import Span

MAX_LEGS = 256
"""Legs of one matrix that GitHub runs ("Workflow syntax", `strategy.matrix`)."""
# Before `exclude`; beyond it a file is no matrix but an attack.
_MAX_COMBINATIONS = 65_536
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Leg:
    """One combination.

    Attributes:
        values: What the `matrix` context holds.
        label: What GitHub appends to the job's name in parentheses: the scalars of the vectors, not what `include`
            added to them; empty where there are none.
    """

    values: Mapping[str, Value]
    label: str

    def job_name(self, name: str) -> str:
        """The name of the check for a job whose `name` (or id) holds no expression."""
        full = f"{name} ({self.label})" if self.label else name
        return full if len(full) <= _MAX_NAME else full[: _MAX_NAME - 3] + "..."


@dataclass(frozen=True, slots=True)
class Vector:
    """One variable of a matrix; `values` is UNKNOWN when only a run decides them."""

    name: str
    values: Sequence[Value] | Unknown
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Filter:
    """One item of `include` or `exclude`; UNKNOWN when an expression decides any of it."""

    values: Mapping[str, Value] | Unknown
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Matrix:
    """`strategy.matrix`.

    Attributes:
        include: UNKNOWN where one expression yields all of it; the same for `exclude`.
        has_computed_keys: Whether an expression is a key (`${{ insert }}`).
    """

    vectors: tuple[Vector, ...]
    include: tuple[Filter, ...] | Unknown
    exclude: tuple[Filter, ...] | Unknown
    has_computed_keys: bool
    span: Span = field(compare=False)

    def legs(self) -> tuple[Leg, ...] | None:
        """All legs in GitHub's order; None where only a run decides them, or where GitHub refuses the matrix."""
        vectors = _vectors(self.vectors)
        include, exclude = _filters(self.include), _filters(self.exclude)
        if vectors is None or include is None or exclude is None or self.has_computed_keys:
            return None
        if any(key.lower() not in vectors for one in exclude for key in one):
            return None
        if math.prod(len(values) for _, values in vectors.values()) > _MAX_COMBINATIONS:
            return None
        legs: list[Leg] = []
        fitted: set[int] = set()
        for combination in _combinations(vectors):
            fits = [_fits(combination, one) for one in exclude]
            if any(isinstance(fit, Unknown) for fit in fits):
                return None
            if any(fits):
                continue
            extra: dict[str, Value] = {}
            for index, one in enumerate(include):
                fit = _fits(combination, {key: value for key, value in one.items() if key.lower() in vectors})
                if isinstance(fit, Unknown):
                    return None
                if fit:
                    fitted.add(index)
                    extra.update((key, value) for key, value in one.items() if key.lower() not in vectors)
            legs.append(Leg({**combination, **extra}, _label(combination)))
        for index, one in enumerate(include):
            if index not in fitted:
                own = {key: value for key, value in one.items() if key.lower() in vectors}
                whole = {**own, **one}
                legs.append(Leg(whole, _label(whole)))
        return tuple(legs)


_Vectors = dict[str, tuple[str, Sequence[Value]]]


def _vectors(vectors: tuple[Vector, ...]) -> _Vectors | None:
    """Names and values by the name in lower case; None when one is not known or empty."""
    found: _Vectors = {}
    for vector in vectors:
        if isinstance(vector.values, Unknown) or not vector.values:
            return None
        found[vector.name.lower()] = (vector.name, vector.values)
    return found


def _filters(filters: tuple[Filter, ...] | Unknown) -> list[Mapping[str, Value]] | None:
    if isinstance(filters, Unknown):
        return None
    known = [one.values for one in filters if not isinstance(one.values, Unknown)]
    return known if len(known) == len(filters) else None


def _combinations(vectors: _Vectors) -> Iterator[dict[str, Value]]:
    if not vectors:
        return
    ordered = list(vectors.values())
    for number in range(math.prod(len(values) for _, values in ordered)):
        combination: dict[str, Value] = {}
        block = math.prod(len(values) for _, values in ordered)
        for name, values in ordered:
            block //= len(values)
            combination[name] = values[number // block % len(values)]
        yield combination


def _fits(target: MaybeValue, wanted: Value) -> bool | Unknown:
    """Whether every scalar of `wanted` equals what lies at its place in `target`."""
    if isinstance(target, Unknown):
        return UNKNOWN
    if is_primitive(wanted):
        return equal(target, wanted)
    parts = wanted.items() if isinstance(wanted, Mapping) else enumerate(_items(wanted))
    verdict: bool | Unknown = True
    for key, value in parts:
        fit = _fits(_member(target, key), value)
        if fit is False:
            return False
        if isinstance(fit, Unknown):
            verdict = UNKNOWN
    return verdict


def _member(target: Value, key: str | int) -> Value:
    if isinstance(target, Mapping):
        name = str(key).lower()
        return next((value for own, value in target.items() if own.lower() == name), None)
    if not is_primitive(target):
        index = to_number(float(key) if isinstance(key, int) else key)
        items = _items(target)
        if not isinstance(index, Unknown) and math.isfinite(index) and 0 <= index < len(items):
            return items[int(index)]
    return None


def _items(value: Value) -> Sequence[Value]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _label(values: Mapping[str, Value]) -> str:
    return ", ".join(segment for value in values.values() for segment in _segments(value))


def _segments(value: Value) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _segments(inner)
    elif not is_primitive(value):
        for inner in _items(value):
            yield from _segments(inner)
    elif value is not None and value != "":
        text = to_text(value)
        # A number whose text is not certain: all its digits say more than nothing.
        yield repr(value) if isinstance(text, Unknown) else text
