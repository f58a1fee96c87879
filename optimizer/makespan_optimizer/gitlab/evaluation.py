"""What a condition comes to when some variables are known and others are not.

A condition's value is the set of values it may have. Whatever unknown variables turn out to be, the true value is
in the set; so a set whose members all hold, or none, decides the condition.

Source: the `evaluate` methods of GitLab's Gitlab::Ci::Pipeline::Expression lexemes. GitLab keeps operands, not
booleans: in `$A && $B` an empty but defined `$A` counts as true, as Ruby takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from makespan_optimizer.gitlab.conditions import Binary, Comparison, Condition, Constant, Input, Matcher, Not, Variable
from makespan_optimizer.gitlab.patterns import Pattern, PatternError, parse_pattern


@dataclass(frozen=True, slots=True)
class Anything:
    """A value nobody knows: any text, empty text, or none.

    Attributes:
        filled: Whether it is known to be a text that is not blank.
    """

    filled: bool = False


ANYTHING: Final = Anything()
FILLED: Final = Anything(filled=True)
Outcome = str | bool | None | Pattern | Anything
Outcomes = frozenset[Outcome]

# Past so many possible values a set says no more than "anything".
_MAX_OUTCOMES = 16


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the variables where a condition is looked at.

    Attributes:
        values: Known variables; None for one that is known not to be defined.
        closed: Whether any other variable is known not to be defined. Otherwise it is unknown.
        inputs: Known inputs (`$[[ inputs.name ]]`).
    """

    values: Mapping[str, str | Anything | None]
    closed: bool = False
    inputs: Mapping[str, str] | None = None

    def outcomes(self, name: str) -> Outcomes:
        """What a variable may be."""
        if name in self.values:
            return frozenset({self.values[name]})
        return frozenset({None}) if self.closed else frozenset({ANYTHING})


def holds(condition: Condition, known: Known) -> bool | None:
    """Whether a condition holds; None when that depends on something unknown."""
    answers = {answer for outcome in outcomes(condition, known) for answer in _present(outcome)}
    return answers.pop() if len(answers) == 1 else None


def outcomes(condition: Condition, known: Known) -> Outcomes:
    """The values a condition may have."""
    if isinstance(condition, Constant):
        return frozenset({condition.value})
    if isinstance(condition, Matcher):
        return frozenset({condition.pattern})
    if isinstance(condition, Variable):
        return known.outcomes(condition.name)
    if isinstance(condition, Input):
        inputs = known.inputs or {}
        return frozenset({inputs[condition.name]}) if condition.name in inputs else frozenset({ANYTHING})
    if isinstance(condition, Not):
        return _limited(not answer for outcome in outcomes(condition.operand, known) for answer in _present(outcome))
    return _binary(condition, known)


def _binary(condition: Binary, known: Known) -> Outcomes:
    left = outcomes(condition.left, known)
    operator = condition.operator
    if operator == "&&" or operator == "||":
        return _logical(left, condition.right, known, decisive=operator == "||")
    right = outcomes(condition.right, known)
    return _limited(answer for pair in product(left, right) for answer in _compared(operator, *pair))


def _logical(left: Outcomes, right: Condition, known: Known, *, decisive: bool) -> Outcomes:
    """The left operand where its truth is `decisive`, else the right one. To Ruby, empty text is true."""
    found: set[Outcome] = set()
    goes_on = False
    for outcome in left:
        if outcome == FILLED and decisive:
            found.add(outcome)
        elif isinstance(outcome, Anything):
            goes_on = True
            if outcome != FILLED:
                found.add(ANYTHING if decisive else None)
        elif (outcome is not None and outcome is not False) is decisive:
            found.add(outcome)
        else:
            goes_on = True
    return _limited([*found, *(outcomes(right, known) if goes_on else ())])


def _present(outcome: Outcome) -> Iterable[bool]:
    """Rails' `present?`: blank text and nothing are not."""
    if isinstance(outcome, Anything):
        return (True,) if outcome.filled else (True, False)
    if isinstance(outcome, str):
        return (bool(outcome.strip()),)
    return (outcome is not None and outcome is not False,)


def _compared(operator: Comparison, left: Outcome, right: Outcome) -> Iterable[bool]:
    if operator in ("==", "!="):
        if isinstance(left, Anything) or isinstance(right, Anything):
            return (operator == "!=",) if _differ(left, right) else (True, False)
        return (_equal(left, right) is (operator == "=="),)
    matched = _matches(left, right)
    return (True, False) if matched is None else (matched is (operator == "=~"),)


def _differ(left: Outcome, right: Outcome) -> bool:
    """Whether one is known to be a filled text and the other to be none or blank."""
    pair = (left, right)
    return FILLED in pair and any(not isinstance(each, Anything) and True not in _present(each) for each in pair)


def _equal(left: Outcome, right: Outcome) -> bool:
    """Booleans equal the words `true` and `false`."""
    if isinstance(left, bool) and isinstance(right, str):
        return ("true" if left else "false") == right
    if isinstance(left, str) and isinstance(right, bool):
        return left == ("true" if right else "false")
    return left == right


def _matches(text: Outcome, pattern: Outcome) -> bool | None:
    if pattern is None or pattern is False:
        return False
    if isinstance(text, Anything | Pattern) or isinstance(pattern, Anything | bool):
        return None
    subject = "" if text is None else ("true" if text else "false") if isinstance(text, bool) else text
    if isinstance(pattern, Pattern):
        return pattern.search(subject)
    try:
        return parse_pattern(pattern).search(subject)
    except PatternError:
        # GitLab then calls Ruby's String#scan the other way round: is the subject part of the "pattern"?
        return subject in pattern


def _limited(found: Iterable[Outcome]) -> Outcomes:
    # `1 == True` in Python would merge nothing here: members are text, booleans, None and patterns.
    result = frozenset(found)
    return result if len(result) <= _MAX_OUTCOMES else frozenset({ANYTHING, True, False})
