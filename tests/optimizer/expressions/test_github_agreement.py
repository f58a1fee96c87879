"""Accepts, refuses and computes what GitHub's own parser and evaluator do."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, example, given, settings

from makespan_optimizer.expressions.availability import Availability
from makespan_optimizer.expressions.evaluation import evaluate
from makespan_optimizer.expressions.functions import Arity
from makespan_optimizer.expressions.grammar import ExpressionError, parse_expression
from makespan_optimizer.expressions.values import Unknown
from support.expression_texts import constants, nested, words
from support.github_parser import GithubParser

pytestmark = pytest.mark.service
_CONTEXTS = ["github", "needs", "always(0,0)", "hashFiles(1,255)"]
_AVAILABLE = Availability(frozenset({"github", "needs"}), {"always": Arity(0, 0), "hashfiles": Arity(1, 255)})
_ONE_PARSER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)


def _accepted(text: str) -> bool:
    try:
        parse_expression(text, _AVAILABLE)
    except ExpressionError:
        return False
    return True


@_ONE_PARSER
@given(text=words)
@example("format('x',)")
@example("contains('a' , 'b', )")
@example("format(,)")
@example("case(true, 1)")
@example("github.true.*[ * ] [0] . null")
@example("1.5.5")
@example("github[.5].5")
@example("(('a').b)")
@example("'a'.b")
@example("needs.*.result&&!(needs.a)")
@example("a\u00a0")
@example("'\n'")
def test_words_in_any_order_are_accepted_and_refused_alike(github_parser: GithubParser, text: str) -> None:
    assert _accepted(text) == github_parser.accepts(text, _CONTEXTS), text


@_ONE_PARSER
@given(text=nested)
def test_the_limit_of_depth_is_the_same(github_parser: GithubParser, text: str) -> None:
    assert _accepted(text) == github_parser.accepts(text, _CONTEXTS), text


@pytest.mark.parametrize("length", [21_000, 21_001])
def test_the_limit_of_length_is_the_same(github_parser: GithubParser, length: int) -> None:
    text = "'" + "x" * (length - 2) + "'"
    assert _accepted(text) == github_parser.accepts(text, _CONTEXTS) == (length == 21_000)


@_ONE_PARSER
@given(text=constants)
@example("format('{0}{1} {{0}}', 1, 'x')")
@example('fromJSON(\'{"a": [1, {"b": true}]}\').a.*.b')
@example("toJSON(fromJSON('[]'))")
@example("'A' == 'a' && 'a' < 'B'")
@example("'' == 0 && null == false && '0x10' == 16")
def test_a_value_that_is_certain_is_the_value_github_computes(github_parser: GithubParser, text: str) -> None:
    answer = github_parser.evaluation(text)
    assert "error" not in answer, text
    value = evaluate(parse_expression(text))
    if isinstance(value, Unknown):
        return
    assert "failed" not in answer, text
    if answer["special"] is not None:
        assert isinstance(value, float)
        assert math.isnan(value) if answer["special"] == "NaN" else value == float(answer["special"].lower())
    else:
        assert value == answer["value"], text
        assert isinstance(value, bool) == isinstance(answer["value"], bool), text
