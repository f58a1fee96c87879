from __future__ import annotations

import pytest

from makespan_optimizer.expressions.evaluation import evaluate
from makespan_optimizer.expressions.grammar import MAX_LENGTH, ExpressionError, parse_expression
from makespan_optimizer.expressions.templates import read_template
from makespan_optimizer.expressions.tree import (
    Call,
    Comparison,
    Context,
    Expression,
    Filter,
    Index,
    Logical,
    Not,
)


def _shape(node: Expression) -> str:
    """The tree in full parentheses."""
    if isinstance(node, Logical):
        return f"({node.operator.join(map(_shape, node.operands))})"
    if isinstance(node, Comparison):
        return f"({_shape(node.left)}{node.operator}{_shape(node.right)})"
    if isinstance(node, Not):
        return f"(!{_shape(node.operand)})"
    if isinstance(node, Call):
        return f"{node.name}({','.join(map(_shape, node.arguments))})"
    if isinstance(node, Index):
        return f"{_shape(node.target)}[{_shape(node.key)}]"
    if isinstance(node, Filter):
        return f"{_shape(node.target)}[*]"
    return node.name if isinstance(node, Context) else repr(node.value)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("a || b && c == d < !e", "(a||(b&&(c==(d<(!e)))))"),
        ("a == b != c", "((a==b)!=c)"),
        ("a && b && (c && d)", "(a&&b&&(c&&d))"),
        ("!a.b", "(!a['b'])"),
        ("!!a", "(!(!a))"),
        ("(a || b) && c", "((a||b)&&c)"),
        ("github.event.*.name[0]['x-y']", "github['event'][*]['name'][0.0]['x-y']"),
        ("fromJSON(a)[b.c][*].true", "fromJSON(a)[b['c']][*]['true']"),
        ("format('{0}', a, 'it''s')", "format('{0}',a,\"it's\")"),
        ("null == NaN", "(None==nan)"),
        ("-Infinity < 0xff", "(-inf<255.0)"),
        (".5e1 >= +2.", "(5.0>=2.0)"),
        ("0o17", "15.0"),
        ("True", "True"),
    ],
)
def test_operators_bind_as_github_documents(text: str, shape: str) -> None:
    assert _shape(parse_expression(text)) == shape


def test_every_node_knows_its_characters() -> None:
    text = " !startsWith( github.ref , 'x' )"
    tree = parse_expression(text)
    assert isinstance(tree, Not)
    call = tree.operand
    assert isinstance(call, Call)
    places = [text[node.start : node.end] for node in (tree, call, *call.arguments)]
    assert places == ["!startsWith( github.ref , 'x' )", "startsWith( github.ref , 'x' )", "github.ref", "'x'"]


@pytest.mark.parametrize(
    ("text", "what", "offset"),
    [
        ("", "an expression was expected", 0),
        ("a ==", "the expression ends too early", 4),
        ("a b", "unexpected 'b'", 2),
        ("a == 'b", "the string is not closed, or stands where none may", 5),
        ("a && nope(b)", "nope() is no function of GitHub's expressions", 5),
        ("contains(a)", "contains() takes at least 2 arguments, not 1", 0),
        ("case(true, 1, 2, 3)", "case() takes an odd number of arguments (conditions, values, a default), not 4", 0),
        ("(" * 30 + "!" * 30 + "a" + ")" * 30, "the expression is nested deeper than 50 levels", 30),
        ("x" * (MAX_LENGTH + 1), "the expression is longer than 21000 characters", 0),
        ("'" + "\U0001f600" * (MAX_LENGTH // 2) + "'", "the expression is longer than 21000 characters", 0),
    ],
)
def test_a_fault_is_told_with_its_offset(text: str, what: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert (caught.value.what, caught.value.offset) == (what, offset)


def test_long_chains_are_read_and_computed_without_recursion() -> None:
    assert evaluate(parse_expression("1" + " == 1" * 3000)) is True


@pytest.mark.parametrize("text", ["(" * 20_000, "a" + ".a" * 10_000, "!" * 20_000, "'" * 20_001, "${{ '" * 100_000])
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        read_template(text if text.startswith("$") else f"${{{{ {text} }}}}").parse()
