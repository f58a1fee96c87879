"""Accepts, refuses and computes what GitHub's own parser and evaluator do."""

from __future__ import annotations

import math
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from makespan_model.errors import WorkflowError
from makespan_optimizer.expressions.availability import WORKFLOW, Availability
from makespan_optimizer.expressions.evaluation import evaluate
from makespan_optimizer.expressions.functions import KEYED_FUNCTIONS, Arity
from makespan_optimizer.expressions.grammar import ExpressionError, parse_expression
from makespan_optimizer.expressions.templates import read_template
from makespan_optimizer.expressions.values import Unknown
from makespan_optimizer.workflow.expression_sites import expression_sites
from makespan_optimizer.yaml.reading import parse_document
from support.expression_texts import constants, nested, words
from support.github_parser import GithubParser

pytestmark = pytest.mark.service
_CORPUS = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "workflows"
_CONTEXTS = ["github", "needs", "always(0,0)", "hashFiles(1,255)"]
_AVAILABLE = Availability(frozenset({"github", "needs"}), {"always": Arity(0, 0), "hashfiles": Arity(1, 255)})
_ONE_PARSER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)


def _accepted(text: str, available: Availability = _AVAILABLE) -> bool:
    try:
        parse_expression(text, available)
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


@pytest.mark.slow
@pytest.mark.skipif(not _CORPUS.is_dir(), reason="MAKESPAN_SHARED_DATA names no folder with workflows")
def test_every_expression_of_the_corpus_and_misspellings_of_it_are_judged_alike(github_parser: GithubParser) -> None:
    chance = random.Random(7)
    contexts = sorted(set().union(*(one.contexts for one in WORKFLOW.values())))
    available = Availability(
        frozenset(contexts), {name: Arity(one.least, min(one.most, 255)) for name, one in KEYED_FUNCTIONS.items()}
    )
    allowed = [*contexts, *(f"{name}({one.least},{one.most})" for name, one in available.functions.items())]
    expressions = sorted(_corpus_expressions())
    assert len(expressions) > 1000
    for expression in expressions:
        place = chance.randrange(len(expression) + 1)
        odd = chance.choice("()[].,*!=&|<>'\"0x9.eE+- \t\nabN{}$_")
        for text in (
            expression,
            expression[:place] + odd + expression[place:],
            expression[:place] + expression[place + 1 :],
        ):
            if text.strip():
                assert _accepted(text, available) == github_parser.accepts(text, allowed), text


def _corpus_expressions() -> set[str]:
    found: set[str] = set()
    for path in _CORPUS.glob("github*/**/*.y*ml"):
        try:
            document = parse_document(path.read_bytes().decode("utf-8"), file=path.name)
        except WorkflowError:
            continue
        for site in expression_sites(document):
            if site.is_condition and "${{" not in site.scalar.value:
                found.add(site.scalar.value.strip())
            found.update(one.inside for one in read_template(site.scalar.value).embedded if one.inside)
    return found
