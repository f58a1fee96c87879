from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_optimizer.gitlab.conditions import (
    MAX_TOKENS,
    Binary,
    Comparison,
    Condition,
    ConditionError,
    Constant,
    Matcher,
    Not,
    Variable,
    parse_condition,
    variables_of,
)
from makespan_optimizer.gitlab.evaluation import FILLED, Known, holds
from makespan_optimizer.gitlab.patterns import Pattern, PatternError, parse_pattern

A, B, C = (Variable(name) for name in "ABC")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("$A", A),
        ('$A == "x"', Binary("==", A, Constant("x"))),
        ("'x' != $A", Binary("!=", Constant("x"), A)),
        ("$A || $B && $C", Binary("||", A, Binary("&&", B, C))),
        ("($A || $B) && $C", Binary("&&", Binary("||", A, B), C)),
        ("$A && $B || $C", Binary("||", Binary("&&", A, B), C)),
        ("!$A == null", Binary("==", Not(A), Constant(None))),
        ("!($A && $B)", Not(Binary("&&", A, B))),
        ("$A == true", Binary("==", A, Constant(True))),
        ("$A == 'a' == 'b'", Binary("==", Binary("==", A, Constant("a")), Constant("b"))),
        ("$A=~/^x\\/y$/i", Binary("=~", A, Matcher(parse_pattern("/^x\\/y$/i")))),
        ("$A !~ $B", Binary("!~", A, B)),
        ('$A == "$B && (/"', Binary("==", A, Constant("$B && (/"))),
    ],
)
def test_conditions_are_read_with_gitlabs_precedence(text: str, tree: Condition) -> None:
    assert parse_condition(text) == tree


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("$A &&", 5),
        ("&& $A", 0),
        ("($A", 3),
        ("$A)", 2),
        ("$A = 'x'", 3),
        ("$A == 'x", 6),
        ("nullable", 4),
        ("$A $B", 3),
        ("$A =~ /x/", 6),
        ("$A =~ /(?=x)y/", 6),
        ("$A =~ /(ab/", 6),
        ("A == 'x'", 0),
    ],
)
def test_what_is_no_condition_is_refused_where_it_goes_wrong(text: str, offset: int) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)
    assert caught.value.offset == offset


def test_gitlab_reads_no_more_than_ninety_nine_tokens() -> None:
    assert parse_condition(" || ".join(["$A"] * 50)) is not None
    with pytest.raises(ConditionError, match=f"more than {MAX_TOKENS}"):
        parse_condition(" || ".join(["$A"] * 51))


KNOWN = Known({"X": "x", "EMPTY": "", "BLANK": "  ", "ABSENT": None, "SOME": FILLED, "P": "/^x$/", "T": "true"})


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("$X", True),
        ("$EMPTY", False),
        ("$BLANK", False),
        ("$ABSENT", False),
        ("$SOME", True),
        ("$WHO", None),
        ('$X == "x"', True),
        ('$X != "x"', False),
        ("$ABSENT == null", True),
        ("$EMPTY == null", False),
        ('$ABSENT == ""', False),
        ("$SOME == null", False),
        ('$SOME != ""', True),
        ('$SOME == "x"', None),
        ("$WHO == null", None),
        ("$T == true", True),
        ("$X == true", False),
        ("$X && $WHO", None),
        ("$ABSENT && $WHO", False),
        ("$X || $WHO", True),
        ("$WHO || $SOME", None),
        ("$WHO && $ABSENT", False),
        ("$X =~ /^x/", True),
        ("$X =~ /^X/", False),
        ("$X =~ /^X/i", True),
        ("$X !~ /^y/", True),
        ("$X =~ $P", True),
        ("$X =~ $ABSENT", False),
        ("$X !~ $ABSENT", True),
        ("$ABSENT =~ /^.*$/", True),
        ("$WHO =~ /x+y/", None),
        ("!$X", False),
        ("!$WHO", None),
        ("!$EMPTY", True),
    ],
)
def test_a_condition_holds_as_in_gitlab_or_is_unknown(text: str, answer: bool | None) -> None:
    assert holds(parse_condition(text), KNOWN) is answer


def test_empty_text_counts_as_true_before_and_and_or_as_in_ruby() -> None:
    assert holds(parse_condition("$EMPTY && $X"), KNOWN) is True
    assert holds(parse_condition("$EMPTY || $X"), KNOWN) is False


def test_an_unnamed_variable_is_not_defined_only_where_the_set_is_closed() -> None:
    assert holds(parse_condition("$WHO"), Known({}, closed=True)) is False


_LEAVES: st.SearchStrategy[Condition] = st.sampled_from(
    [*(Variable(name) for name in "ABC"), Constant("x"), Constant(""), Constant(None), Constant(True)]
)


def _grown(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    operators = st.sampled_from(["==", "!=", "&&", "||"])
    patterns = st.sampled_from(["/^x$/", "/x|y/", "/.y/s"]).map(lambda text: Matcher(parse_pattern(text)))
    comparisons: st.SearchStrategy[Comparison] = st.sampled_from(["=~", "!~"])
    return (
        st.builds(Not, inner)
        | st.builds(Binary, operators, inner, inner)
        | st.builds(Binary, comparisons, inner, patterns)
    )


_CONDITIONS: st.SearchStrategy[Condition] = st.recursive(_LEAVES, _grown, max_leaves=8)
_VALUES = st.none() | st.sampled_from(["", "x", "y", "xy", "true", " "])


def _reference(node: Condition, values: dict[str, str | None]) -> object:
    """GitLab's evaluate methods on plain values, one line each."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Variable):
        return values[node.name]
    if isinstance(node, Not):
        return not _is_present(_reference(node.operand, values))
    assert isinstance(node, Binary)
    left = _reference(node.left, values)
    if node.operator == "&&":
        return left if left is None or left is False else _reference(node.right, values)
    if node.operator == "||":
        return _reference(node.right, values) if left is None or left is False else left
    if node.operator in ("=~", "!~"):
        assert isinstance(node.right, Matcher)
        text = "" if left is None else str(left).lower() if isinstance(left, bool) else str(left)
        body = node.right.pattern.source.strip("/s").strip("/")
        return (re.search(body, text, re.DOTALL) is not None) is (node.operator == "=~")
    right = _reference(node.right, values)
    mixed = isinstance(left, bool) != isinstance(right, bool) and None not in (left, right)
    equal = str(left).lower() == str(right) or str(left) == str(right).lower() if mixed else left == right
    return equal is (node.operator == "==")


def _is_present(value: object) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None and value is not False


@given(_CONDITIONS, st.fixed_dictionaries(dict.fromkeys("ABC", _VALUES)), st.sets(st.sampled_from("ABC")))
def test_what_is_decided_with_unknown_variables_is_so_whatever_they_are(
    condition: Condition, values: dict[str, str | None], hidden: set[str]
) -> None:
    truth = _is_present(_reference(condition, values))
    assert holds(condition, Known(dict(values))) is truth
    partly = Known({name: value for name, value in values.items() if name not in hidden})
    assert holds(condition, partly) in (truth, None)
    filled = {name: FILLED for name in hidden if (values[name] or "").strip()}
    assert holds(condition, Known({**partly.values, **filled})) in (truth, None)


def _written(node: Condition) -> str:
    if isinstance(node, Constant):
        return (
            "null"
            if node.value is None
            else f'"{node.value}"'
            if isinstance(node.value, str)
            else str(node.value).lower()
        )
    if isinstance(node, Variable):
        return f"${node.name}"
    if isinstance(node, Matcher):
        return node.pattern.source
    if isinstance(node, Not):
        return f"!({_written(node.operand)})"
    assert isinstance(node, Binary)
    return f"({_written(node.left)}) {node.operator} ({_written(node.right)})"


@given(_CONDITIONS)
def test_a_condition_that_is_written_out_is_read_as_itself(condition: Condition) -> None:
    assert parse_condition(_written(condition)) == condition
    assert variables_of(condition) == frozenset(re.findall(r"\$(\w)", _written(condition)))


@pytest.mark.parametrize(
    ("pattern", "text", "answer"),
    [
        ("/^v\\d+\\.\\d+$/", "v1.2", True),
        ("/^v\\d+$/", "v1\n", False),
        ("/^a$/m", "b\na", True),
        ("/a.b/", "a\nb", False),
        ("/a.b/s", "a\nb", True),
        ("/[[:digit:]]+x/", "12x", True),
        ("/\\d/", "\u0663", False),
        ("/(?:a|b)c/", "bc", True),
        ("/(?P<name>a)b/", "ab", True),
        ("/[^/]x/", "ax", True),
        ("/a{2}b/U", "aab", True),
        ("/\\Aab\\z/", "ab", True),
        ("/(a+)+b/", "a" * 40, None),
        ("/(a|aa)+b/", "a" * 40, None),
        ("/(?i)ab/", "AB", None),
        ("/\\pL/", "a", None),
    ],
)
def test_patterns_match_as_re2_does_or_are_not_run(pattern: str, text: str, answer: bool | None) -> None:
    assert parse_pattern(pattern).search(text) is answer


@pytest.mark.parametrize(
    "pattern", ["/(?<=a)b/", "/(a)\\1/", "/a**/", "/a{2000}/", "/[a/", "/a)/", "/(a/", "ab", "/\\Z/"]
)
def test_patterns_re2_refuses_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        parse_pattern(pattern)


@given(st.text("ab.*+?()[]{}|\\^$1,-:", max_size=12), st.text("ab\n", max_size=30))
def test_any_pattern_is_read_or_refused_and_answers_at_once(body: str, text: str) -> None:
    try:
        pattern = parse_pattern(f"/{body}/")
    except PatternError:
        return
    assert isinstance(pattern, Pattern)
    assert pattern.search(text) in (True, False, None)
