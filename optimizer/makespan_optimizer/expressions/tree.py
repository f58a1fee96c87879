"""The tree of an expression. Parentheses leave no node; every node knows its characters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf

Primitive = None | bool | float | str


@dataclass(frozen=True, slots=True)
class Node:
    """Characters `start` to `end` of the expression's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """`null`, a boolean, a number (also NaN and Infinity) or a string without its quotes."""

    value: Primitive


@dataclass(frozen=True, slots=True)
class Context(Node):
    """A named value such as `github`, spelled as written; GitHub compares names without case."""

    name: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`target.name` (the key is then a string literal) or `target[key]`."""

    target: Expression
    key: Expression


@dataclass(frozen=True, slots=True)
class Filter(Node):
    """`target.*` or `target[*]`: all members."""

    target: Expression


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function call; the name is spelled as written."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`!operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """`==`, `!=`, `<`, `<=`, `>`, `>=`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Logical(Node):
    """Two or more operands of one `&&` or `||`; the value is the operand that decides."""

    operator: OneOf["&&", "||"]
    operands: tuple[Expression, ...]


Expression = Literal | Context | Index | Filter | Call | Not | Comparison | Logical


def children(node: Expression) -> tuple[Expression, ...]:
    """The nodes directly below a node, in the order written."""
    if isinstance(node, Logical):
        return node.operands
    if isinstance(node, Comparison):
        return (node.left, node.right)
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Index):
        return (node.target, node.key)
    if isinstance(node, Filter):
        return (node.target,)
    return (node.operand,) if isinstance(node, Not) else ()


def walk(node: Expression) -> Iterator[Expression]:
    """The node and all below it, in the order written; a chain of comparisons may be thousands deep."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(children(current)))
