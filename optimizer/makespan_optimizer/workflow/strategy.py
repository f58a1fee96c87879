"""`jobs.<job_id>.strategy`."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan_optimizer.expressions.templates import OPEN
from makespan_optimizer.expressions.values import UNKNOWN, Unknown, Value
from makespan_optimizer.workflow.fields import Fields, span
from makespan_optimizer.workflow.matrix import Filter, Matrix, Vector
from makespan_optimizer.workflow.places import OtherKey, Span
from makespan_optimizer.workflow.scalars import node_value, static_flag, static_number
from makespan_optimizer.yaml.nodes import AnyNode, Document, Entry, Mapping, Scalar, Sequence, resolved

_KEYS = ("fail-fast", "max-parallel", "matrix")


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a job is run more than once.

    Attributes:
        canonical: Equal for equal values, whatever their style.
        matrix: None without one; UNKNOWN where one expression yields it.
        fail_fast: Whether a leg that fails cancels the others.
        max_parallel: Legs at once; None without a limit.
        others: Keys without a field here.
    """

    canonical: str
    matrix: Matrix | Unknown | None
    fail_fast: bool | Unknown
    max_parallel: int | Unknown | None
    others: tuple[OtherKey, ...]
    span: Span = field(compare=False)


def read_strategy(fields: Fields) -> Strategy | None:
    """Read `strategy` of a job.

    Raises:
        WorkflowError: Not shaped as GitHub wants it.
    """
    node = fields.value("strategy")
    canonical = fields.canonical("strategy")
    if node is None or canonical is None:
        return None
    target = resolved(node)
    place = span(fields.document, node)
    if isinstance(target, Scalar) and OPEN in target.value:
        return Strategy(canonical, UNKNOWN, UNKNOWN, UNKNOWN, (), place)
    inner = fields.mapping("strategy")
    if inner is None:
        return Strategy(canonical, None, fail_fast=True, max_parallel=None, others=(), span=place)
    limit = static_number(inner.text("max-parallel"))
    return Strategy(
        canonical=canonical,
        matrix=_matrix(inner),
        fail_fast=static_flag(inner.text("fail-fast"), default=True),
        max_parallel=int(limit) if isinstance(limit, float) else limit,
        others=inner.others(_KEYS),
        span=place,
    )


def _matrix(strategy: Fields) -> Matrix | Unknown | None:
    node = strategy.value("matrix")
    if node is None:
        return None
    target = resolved(node)
    if isinstance(target, Scalar):
        return _computed_matrix(strategy, node)
    inner = strategy.mapping("matrix")
    if inner is None:
        return None
    named = [entry for entry in inner.entries if entry.key.value not in ("include", "exclude")]
    return Matrix(
        vectors=tuple(_vector(inner.document, entry) for entry in named if OPEN not in entry.key.value),
        include=_filters(inner, "include"),
        exclude=_filters(inner, "exclude"),
        has_computed_keys=any(OPEN in entry.key.value for entry in named),
        span=span(inner.document, node),
    )


def _computed_matrix(strategy: Fields, node: AnyNode) -> Matrix | Unknown | None:
    """A matrix that one expression yields; `fromJSON` of a constant is known."""
    target = resolved(node)
    if isinstance(target, Scalar) and target.is_null:
        return None
    value = node_value(node)
    place = span(strategy.document, node)
    if isinstance(value, Unknown):
        return UNKNOWN
    if not isinstance(value, dict):
        raise strategy.document.error(f"'matrix' of {strategy.what} must be a mapping", node.start)
    return Matrix(
        vectors=tuple(
            Vector(name, _list(items), place) for name, items in value.items() if name not in ("include", "exclude")
        ),
        include=_computed_filters(value.get("include"), place),
        exclude=_computed_filters(value.get("exclude"), place),
        has_computed_keys=False,
        span=place,
    )


def _computed_filters(value: Value, place: Span) -> tuple[Filter, ...] | Unknown:
    if value is None:
        return ()
    items = _list(value)
    if isinstance(items, Unknown):
        return UNKNOWN
    return tuple(Filter(item if isinstance(item, dict) else UNKNOWN, place) for item in items)


def _list(value: Value) -> list[Value] | Unknown:
    return value if isinstance(value, list) else UNKNOWN


def _vector(document: Document, entry: Entry) -> Vector:
    name, node = entry.key.value, entry.value
    target = resolved(node)
    if not isinstance(target, Sequence) and not (isinstance(target, Scalar) and OPEN in target.value):
        raise document.error(f"matrix variable {name!r} must be a list", node.start)
    value = node_value(node)
    return Vector(name, value if isinstance(value, list) else UNKNOWN, span(document, node))


def _filters(matrix: Fields, key: str) -> tuple[Filter, ...] | Unknown:
    node = matrix.value(key)
    if node is None:
        return ()
    target = resolved(node)
    if isinstance(target, Scalar) and OPEN in target.value:
        computed = node_value(node)
        return UNKNOWN if isinstance(computed, Unknown) else _computed_filters(computed, span(matrix.document, node))
    if not isinstance(target, Sequence):
        raise matrix.document.error(f"{key!r} of {matrix.what} must be a list", node.start)
    found = []
    for item in target.items:
        value = node_value(item)
        if not isinstance(resolved(item), Mapping) and not isinstance(value, Unknown):
            raise matrix.document.error(f"{key!r} of {matrix.what} must be a list of mappings", item.start)
        found.append(Filter(value if isinstance(value, dict) else UNKNOWN, span(matrix.document, item)))
    return tuple(found)
