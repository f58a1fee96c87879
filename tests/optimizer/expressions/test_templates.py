from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_optimizer.expressions.evaluation import evaluate
from makespan_optimizer.expressions.grammar import ExpressionError
from makespan_optimizer.expressions.templates import Embedded, read_template


def test_an_expression_ends_at_the_first_braces_outside_a_string() -> None:
    template = read_template("a ${{ '}}' }} b ${{ x}}${{y }}")
    assert [part if isinstance(part, str) else part.inside for part in template.parts] == [
        "a ",
        "'}}'",
        " b ",
        "x",
        "y",
    ]


@given(st.lists(st.sampled_from(["a", "${{ x }}", "'", "}}", "{", "${{ '}}' }}", "\n"]), max_size=8).map("".join))
def test_parts_cover_the_text_in_order(text: str) -> None:
    position = 0
    for part in read_template(text).parts:
        start, end = (position, position + len(part)) if isinstance(part, str) else (part.start, part.end)
        assert (start, text[start:end]) == (position, part if isinstance(part, str) else text[start:end])
        if isinstance(part, Embedded) and part.inside is not None:
            assert text.startswith(part.inside, part.inside_start)
        position = end
    assert position == len(text)


def test_only_an_expression_without_text_around_keeps_its_type() -> None:
    assert evaluate(read_template("${{ 1 }}").parse()) == 1.0
    assert evaluate(read_template(" ${{ 1 }}").parse()) == " 1"
    assert evaluate(read_template("{${{ true }}'${{ null }}}").parse()) == "{true'}"
    assert evaluate(read_template("plain {0}").parse()) == "plain {0}"


@pytest.mark.parametrize(
    ("text", "what", "offset"),
    [
        ("a ${{ 1 ", "'${{' is not closed by '}}'", 2),
        ("a ${{ '}} ", "'${{' is not closed by '}}'", 2),
        ("a ${{ }}", "an expression was expected", 6),
        ("a ${{  1 + 2 }}", "unexpected '+'", 9),
        ("a ${{ toJSON() }}", "toJSON() takes at least 1 argument, not 0", 6),
    ],
)
def test_a_fault_is_told_with_its_place_in_the_text(text: str, what: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        read_template(text).parse()
    assert (caught.value.what, caught.value.offset) == (what, offset)
