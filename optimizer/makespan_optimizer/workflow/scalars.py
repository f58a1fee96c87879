"""Values of a workflow file before it runs: YAML's own types, and expressions that are constant.

`UNKNOWN` stands for what only a run decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping as Table

from makespan_optimizer.expressions.evaluation import evaluate
from makespan_optimizer.expressions.grammar import ExpressionError
from makespan_optimizer.expressions.templates import OPEN, read_template
from makespan_optimizer.expressions.tree import Primitive
from makespan_optimizer.expressions.values import UNKNOWN, MaybeValue, Unknown, Value, to_text
from makespan_optimizer.yaml.nodes import AnyNode, Mapping, Scalar, merged_entries, resolved

# YAML 1.2 core schema, section 10.3.2.
_TRUE, _FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = frozenset({".nan", ".NaN", ".NAN"})
# No matrix is this large; an alias bomb is.
_MAX_NODES = 20_000
_NO_CONTEXTS: Table[str, Value] = {}


def scalar_value(node: Scalar) -> Primitive:
    """The value YAML's core schema gives a scalar: 3.10 is the number 3.1, and '3.10' is text."""
    text = node.value
    if node.style or (node.tag is not None and node.tag.endswith(":str")):
        return text
    if node.is_null:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return float(int(text, 0) if text[:2] in ("0o", "0x") else int(text))
    if _FLOAT.fullmatch(text):
        return float(text)
    infinity = _INFINITY.fullmatch(text)
    if infinity:
        return -math.inf if infinity[1] == "-" else math.inf
    return math.nan if text in _NAN else text


def node_value(node: AnyNode, contexts: Table[str, Value] = _NO_CONTEXTS) -> MaybeValue:
    """The value of a node with its expressions computed; `UNKNOWN` when any part of it is.

    Args:
        node: In any depth; aliases are followed.
        contexts: Contexts known in full, such as `matrix` for one leg.
    """
    return _Reading(contexts).value(node)


def text_value(text: str, contexts: Table[str, Value] = _NO_CONTEXTS) -> MaybeValue:
    """The value of a text with its expressions computed; a lone expression keeps its type."""
    if OPEN not in text:
        return text
    try:
        return evaluate(read_template(text).parse(), contexts)
    except ExpressionError:
        return UNKNOWN


def static_text(text: str, contexts: Table[str, Value] = _NO_CONTEXTS) -> str | Unknown:
    """The text that a text with expressions stands for."""
    value = text_value(text, contexts)
    return UNKNOWN if isinstance(value, Unknown) else to_text(value)


def static_flag(text: str | None, *, default: bool) -> bool | Unknown:
    """A boolean, as GitHub takes `true`, `false` and expressions; `default` where nothing is written."""
    if text is None:
        return default
    value = text_value(text)
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower(), UNKNOWN) if isinstance(value, str) else UNKNOWN


def static_number(text: str | None) -> float | Unknown | None:
    """A number; None where nothing is written."""
    if text is None:
        return None
    value = text_value(text)
    if isinstance(value, str) and (_FLOAT.fullmatch(value) or _INTEGER.fullmatch(value)):
        return float(int(value, 0) if value[:2] in ("0o", "0x") else float(value))
    return value if isinstance(value, float) and math.isfinite(value) else UNKNOWN


class _Reading:
    def __init__(self, contexts: Table[str, Value]) -> None:
        self._contexts = contexts
        self._left = _MAX_NODES

    def value(self, node: AnyNode) -> MaybeValue:
        self._left -= 1
        if self._left < 0:
            return UNKNOWN
        target = resolved(node)
        if isinstance(target, Scalar):
            value = scalar_value(target)
            return text_value(value, self._contexts) if isinstance(value, str) else value
        if isinstance(target, Mapping):
            return self._mapping(target)
        items: list[Value] = []
        for item in target.items:
            found = self.value(item)
            if isinstance(found, Unknown):
                return UNKNOWN
            items.append(found)
        return items

    def _mapping(self, target: Mapping) -> MaybeValue:
        entries: dict[str, Value] = {}
        for entry in merged_entries(target):
            found = UNKNOWN if OPEN in entry.key.value else self.value(entry.value)
            if isinstance(found, Unknown):
                return UNKNOWN
            entries[entry.key.value] = found
        return entries
