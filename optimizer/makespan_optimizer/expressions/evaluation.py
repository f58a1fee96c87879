"""Computes what is certain of an expression before the workflow runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from makespan_optimizer.expressions.calls import IMPLEMENTATIONS, members
from makespan_optimizer.expressions.tree import (
    Call,
    Comparison,
    Context,
    Expression,
    Filter,
    Index,
    Literal,
    Logical,
    Not,
)
from makespan_optimizer.expressions.values import (
    UNKNOWN,
    MaybeValue,
    Unknown,
    Value,
    equal,
    is_primitive,
    less,
    to_number,
    to_text,
    truth,
)

_NO_CONTEXTS: Mapping[str, Value] = {}


def evaluate(tree: Expression, contexts: Mapping[str, Value] = _NO_CONTEXTS) -> MaybeValue:
    """The value of a tree.

    Args:
        tree: From `parse_expression`.
        contexts: Contexts known in full, by name in lower case (such as `matrix` for one leg).

    Returns:
        `UNKNOWN` where the value depends on anything else, or where evaluating it fails the job.
    """
    return _Evaluation(contexts).value(tree)


def certain_truth(tree: Expression, contexts: Mapping[str, Value] = _NO_CONTEXTS) -> bool | None:
    """Whether a condition holds; None when that is not certain.

    More is certain of its truth than of its value: `false && x` is false, and so is `x && false` unless evaluating
    `x` fails the job. `always()` is true; other status functions are not certain.
    """
    return _truth(tree, _Evaluation(contexts))


def _truth(tree: Expression, evaluation: _Evaluation) -> bool | None:
    if isinstance(tree, Logical):
        found = [_truth(operand, evaluation) for operand in tree.operands]
        decisive = tree.operator == "||"
        if decisive in found:
            return decisive
        return None if None in found else not decisive
    if isinstance(tree, Not):
        inner = _truth(tree.operand, evaluation)
        return None if inner is None else not inner
    value = evaluation.value(tree)
    return None if isinstance(value, Unknown) else truth(value)


class _Filtered(list[Value]):
    """What `.*` yields: further names are looked up in each member."""


class _Evaluation:
    def __init__(self, contexts: Mapping[str, Value]) -> None:
        self._contexts = contexts

    def value(self, node: Expression) -> MaybeValue:
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Context):
            return self._contexts.get(node.name.lower(), UNKNOWN)
        if isinstance(node, Index | Filter):
            return self._member(node)
        if isinstance(node, Not):
            inner = self.value(node.operand)
            return UNKNOWN if isinstance(inner, Unknown) else not truth(inner)
        if isinstance(node, Comparison):
            return self._comparison(node)
        return self._logical(node) if isinstance(node, Logical) else self._call(node)

    def _comparison(self, node: Comparison) -> MaybeValue:
        chain: list[Comparison] = []
        leftmost: Expression = node
        while isinstance(leftmost, Comparison):
            chain.append(leftmost)
            leftmost = leftmost.left
        value = self.value(leftmost)
        for link in reversed(chain):
            right = self.value(link.right)
            if isinstance(value, Unknown) or isinstance(right, Unknown):
                value = UNKNOWN
            else:
                value = _compare(link.operator, value, right)
        return value

    def _logical(self, node: Logical) -> MaybeValue:
        value: MaybeValue = UNKNOWN
        for operand in node.operands:
            value = self.value(operand)
            if isinstance(value, Unknown) or truth(value) == (node.operator == "||"):
                return value
        return value

    def _member(self, node: Index | Filter) -> MaybeValue:
        target = self.value(node.target)
        if isinstance(target, Unknown):
            return UNKNOWN
        if isinstance(node, Filter):
            return _all_members(target)
        key = self.value(node.key)
        if isinstance(key, Unknown):
            return UNKNOWN
        if isinstance(target, _Filtered):
            found = [_lookup(item, key) for item in target]
            return UNKNOWN if UNKNOWN in found else _Filtered(item for item in found if item is not _MISSING)  # type: ignore[misc]
        one = _lookup(target, key)
        return None if one is _MISSING else one  # type: ignore[return-value]

    def _call(self, node: Call) -> MaybeValue:
        name = node.name.lower()
        if name == "always":
            return True
        arguments = [self.value(argument) for argument in node.arguments]
        function = IMPLEMENTATIONS.get(name)
        known = [argument for argument in arguments if not isinstance(argument, Unknown)]
        return UNKNOWN if function is None or len(known) < len(arguments) else function(known)


_MISSING = object()


def _lookup(target: Value, key: Value) -> object:
    """A member, `_MISSING`, or UNKNOWN."""
    if isinstance(target, Mapping):
        name = to_text(key) if is_primitive(key) else _MISSING
        if isinstance(name, Unknown):
            return UNKNOWN
        lowered = name.lower() if isinstance(name, str) else None
        return next((value for own, value in target.items() if own.lower() == lowered), _MISSING)
    if isinstance(target, Sequence) and not isinstance(target, str):
        number = to_number(key)
        if isinstance(number, Unknown):
            return UNKNOWN
        if math.isfinite(number) and 0 <= number < len(target):
            return target[int(number)]
    return _MISSING


def _all_members(target: Value) -> Value:
    if isinstance(target, _Filtered):
        return _Filtered(member for item in target for member in members(item))
    return _Filtered(members(target))


def _compare(operator: str, left: Value, right: Value) -> bool | Unknown:
    if operator in ("==", "!="):
        same = equal(left, right)
        return same if operator == "==" or isinstance(same, Unknown) else not same
    small, large = (left, right) if operator[0] == "<" else (right, left)
    strict = less(small, large)
    if strict is True or len(operator) == 1:
        return strict
    same = equal(small, large)
    return UNKNOWN if isinstance(strict, Unknown) and same is not True else same
