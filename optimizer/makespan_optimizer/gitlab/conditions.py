"""The language of `rules:if` and `only:variables`: its grammar and its trees.

Source: GitLab's Gitlab::Ci::Pipeline::Expression (lexer, parser and lexemes). GitLab's parser also takes operators
after both of their operands (`$A $B &&`); nobody writes that, and it is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args
from lark.exceptions import VisitError

from makespan_optimizer.gitlab.patterns import Pattern, PatternError, parse_pattern

# GitLab's lexer gives up at its hundredth token.
MAX_TOKENS = 99
_MAX_CHARACTERS = 64 * 1024

_GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction | disjunction "||" conjunction -> either
?conjunction: comparison | conjunction "&&" comparison -> both
?comparison: operand | comparison COMPARATOR operand -> compared
?operand: VARIABLE -> variable
        | INPUT -> input
        | STRING -> string
        | PATTERN -> pattern
        | "null" -> null
        | BOOLEAN -> boolean
        | "!" operand -> negated
        | "(" disjunction ")"

COMPARATOR.2: "==" | "!=" | "=~" | "!~"
INPUT.3: /\$\[\[\s*inputs\.[\w-]+\s*\]\]/
VARIABLE: /\$\w+/
STRING: /"[^"\n]*"|'[^'\n]*'/
PATTERN: /\/(?:[^\/]|\\\/)+[^\\]\/[ismU]*/
BOOLEAN: /\b(?:true|false)\b/
%import common.WS
%ignore WS
"""


class ConditionError(ValueError):
    """Text that is no condition.

    Attributes:
        offset: Characters before the fault.
    """

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(what)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Variable:
    """`$NAME`."""

    name: str


@dataclass(frozen=True, slots=True)
class Input:
    """`$[[ inputs.name ]]`."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A string, `null` (None), `true` or `false`."""

    value: str | bool | None


@dataclass(frozen=True, slots=True)
class Matcher:
    """`/pattern/flags`."""

    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`."""

    operand: Condition


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands; comparisons bind tighter than `&&`, and that tighter than `||`."""

    operator: Literal["==", "!=", "=~", "!~", "&&", "||"]
    left: Condition
    right: Condition


Comparison = Literal["==", "!=", "=~", "!~"]
_COMPARISONS: tuple[Comparison, ...] = ("==", "!=", "=~", "!~")
Condition = Variable | Input | Constant | Matcher | Not | Binary


@lru_cache(maxsize=4096)
def parse_condition(text: str) -> Condition:
    """The tree of a condition.

    Raises:
        ConditionError: Not a condition as GitLab reads it; says where.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ConditionError(f"longer than {_MAX_CHARACTERS} characters", 0)
    try:
        tokens = list(_parser().lex(text))
        if len(tokens) > MAX_TOKENS:
            raise ConditionError(f"more than {MAX_TOKENS} words and operators", tokens[MAX_TOKENS].start_pos or 0)
        # The transformer makes conditions of what the grammar starts with.
        return cast("Condition", _parser().parse(text))
    except UnexpectedCharacters as error:
        offset = error.pos_in_stream or 0
        raise ConditionError(f"{text[offset]!r} begins nothing known", offset) from None
    except UnexpectedToken as error:
        raise ConditionError(*_unexpected(text, error.token)) from None
    except VisitError as error:
        raise error.orig_exc from None


def variables_of(condition: Condition) -> frozenset[str]:
    """The names of the variables a condition looks at."""
    found: set[str] = set()
    waiting = [condition]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Variable):
            found.add(node.name)
        elif isinstance(node, Not):
            waiting.append(node.operand)
        elif isinstance(node, Binary):
            waiting += [node.left, node.right]
    return frozenset(found)


def inputs_of(condition: Condition) -> frozenset[str]:
    """The names of the inputs a condition looks at."""
    if isinstance(condition, Input):
        return frozenset({condition.name})
    if isinstance(condition, Not):
        return inputs_of(condition.operand)
    return inputs_of(condition.left) | inputs_of(condition.right) if isinstance(condition, Binary) else frozenset()


@v_args(inline=True)
class _Builder(Transformer[Token, Condition]):
    """Makes the tree while the parser reduces."""

    def variable(self, token: Token) -> Condition:
        return Variable(token[1:])

    def input(self, token: Token) -> Condition:
        return Input(token.partition(".")[2].removesuffix("]]").strip())

    def string(self, token: Token) -> Condition:
        return Constant(token[1:-1])

    def pattern(self, token: Token) -> Condition:
        try:
            return Matcher(parse_pattern(str(token)))
        except PatternError as error:
            raise ConditionError(str(error), token.start_pos or 0) from None

    def null(self) -> Condition:
        return Constant(None)

    def boolean(self, word: Token) -> Condition:
        return Constant(str(word).startswith("t"))

    def negated(self, operand: Condition) -> Condition:
        return Not(operand)

    def compared(self, left: Condition, operator: Token, right: Condition) -> Condition:
        comparison = next(known for known in _COMPARISONS if known == operator)
        return Binary(comparison, left, right)

    def both(self, left: Condition, right: Condition) -> Condition:
        return Binary("&&", left, right)

    def either(self, left: Condition, right: Condition) -> Condition:
        return Binary("||", left, right)


@cache
def _parser() -> Lark:
    # Tokens do not depend on what the parser expects: GitLab reads all of them first.
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=_Builder())


def _unexpected(text: str, token: Token) -> tuple[str, int]:
    if token.type == "$END":
        return ("an operand is missing at the end" if text.strip() else "an empty condition"), len(text)
    return f"{str(token)!r} is not expected here", token.start_pos or 0
