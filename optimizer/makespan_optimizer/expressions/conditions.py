"""The text of an `if`, with or without braces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from makespan_optimizer.expressions.availability import Availability
from makespan_optimizer.expressions.functions import STATUS_FUNCTIONS
from makespan_optimizer.expressions.grammar import ExpressionError, parse_expression
from makespan_optimizer.expressions.templates import OPEN, WHITE_SPACE, read_template
from makespan_optimizer.expressions.tree import Call, Expression, walk


@dataclass(frozen=True, slots=True)
class Condition:
    """An `if` as GitHub reads it.

    Attributes:
        text: As written.
        expression: None for an empty condition, which means `success()`.
        start: Where in `text` the expression's places count from.
        names_status: Whether a status function is called; without one GitHub puts `success() &&` before it.
        is_text: Text and `${{ }}` are mixed: GitHub makes one string of them, which is true unless it is empty.
    """

    text: str
    expression: Expression | None
    start: int
    names_status: bool
    is_text: bool = False


@lru_cache(maxsize=4096)
def read_condition(text: str, available: Availability | None = None) -> Condition:
    """Read an `if`.

    Raises:
        ExpressionError: With an offset in the text.
    """
    if OPEN in text:
        template = read_template(text)
        tree, start, mixed = template.parse(available), 0, template.only is None
        if template.only is not None:
            start = template.only.inside_start
        if template.literal is not None:
            return _bare(template.literal, start, available, text)
        return Condition(text, tree, start, names_status(tree), is_text=mixed)
    return _bare(text, 0, available, text)


def _bare(condition: str, start: int, available: Availability | None, text: str) -> Condition:
    stripped = condition.lstrip(WHITE_SPACE)
    start += len(condition) - len(stripped)
    stripped = stripped.rstrip(WHITE_SPACE)
    if not stripped:
        return Condition(text, None, start, names_status=True)
    try:
        tree = parse_expression(stripped, available)
    except ExpressionError as error:
        raise ExpressionError(error.what, start + error.offset) from None
    return Condition(text, tree, start, names_status(tree))


def names_status(tree: Expression) -> bool:
    """Whether a status function is called anywhere in the tree."""
    return any(isinstance(node, Call) and node.name.lower() in STATUS_FUNCTIONS for node in walk(tree))


def bare_expression(condition: str) -> str | None:
    """The expression of an `if` without its braces; None when text and expressions are mixed."""
    stripped = condition.strip(WHITE_SPACE)
    if OPEN not in stripped:
        return stripped
    only = read_template(stripped).only
    return None if only is None else only.inside
