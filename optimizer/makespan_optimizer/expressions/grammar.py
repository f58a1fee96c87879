"""Parses one expression with a grammar (Lark, LALR) into a tree.

The operators bind as GitHub documents: `!`, then `<` `<=` `>` `>=`, then `==` `!=`, then `&&`, then `||`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken

from makespan_optimizer.expressions.availability import Availability
from makespan_optimizer.expressions.functions import FUNCTIONS, KEYED_FUNCTIONS, arity_fault
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
    walk,
)

# GitHub's own limits: `ExpressionConstants` of the runner, `errors.ts` of @actions/expressions.
MAX_LENGTH = 21_000
MAX_DEPTH = 50

# Two tokens of this grammar never stand side by side without a boundary, so that a name or a number that goes on with
# anything else (`5x`, `a'b'`) is refused by the rules. A comma may end the arguments, as for GitHub's parser.
_GRAMMAR = r"""
start: disjunction
?disjunction: conjunction (_OR conjunction)*
?conjunction: equality (_AND equality)*
?equality: comparison | equality EQUALITY comparison -> compare
?comparison: unary | comparison ORDER unary -> compare
?unary: operand | NOT unary -> negation
?operand: literal | chain
literal: NULL | TRUE | FALSE | NAN | INFINITY | NUMBER | STRING
?chain: NAME -> context
      | call
      | LPAR disjunction RPAR -> group
      | chain _DOT NAME -> member
      | chain _DOT STAR -> filter
      | chain _LSQB STAR RSQB -> filter
      | chain _LSQB disjunction RSQB -> index
call: NAME LPAR [disjunction (_COMMA disjunction)* [_COMMA]] RPAR

NULL: "null"
TRUE: "true"
FALSE: "false"
NAN: "NaN"
INFINITY: "Infinity"
NUMBER: /0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]Infinity/
STRING: /'(?:[^']|'')*'/
NAME: /[A-Za-z_][A-Za-z0-9_-]*/
EQUALITY: "==" | "!="
ORDER: "<=" | ">=" | "<" | ">"
_OR: "||"
_AND: "&&"
NOT: "!"
STAR: "*"
LPAR: "("
RPAR: ")"
_LSQB: "["
RSQB: "]"
_DOT: "."
_COMMA: ","
%ignore /[ \t\r\n]+/
"""


class ExpressionError(ValueError):
    """An expression that GitHub would refuse.

    Attributes:
        what: The fault, quoting the offending text.
        offset: Where in the expression's text, in characters.
    """

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(what)
        self.what = what
        self.offset = offset


def parse_expression(text: str, available: Availability | None = None) -> Expression:
    """The tree of the inside of `${{ … }}`.

    Args:
        text: Without the braces.
        available: Contexts and functions of the key it stands in; None to take any context.

    Raises:
        ExpressionError: Says what GitHub would refuse, and where.
    """
    tree = _parse(text)
    if isinstance(tree, ExpressionError):
        raise ExpressionError(tree.what, tree.offset)
    for node in walk(tree):
        _check_name(node, available)
    return tree


# One text stands in many jobs and is read by many passes; trees are immutable.
@lru_cache(maxsize=8192)
def _parse(text: str) -> Expression | ExpressionError:
    # GitHub counts UTF-16 units.
    if len(text) > MAX_LENGTH or len(text) + sum(character > "\uffff" for character in text) > MAX_LENGTH:
        return ExpressionError(f"the expression is longer than {MAX_LENGTH} characters", 0)
    if not text.strip():
        return ExpressionError("an expression was expected", 0)
    try:
        part = _parser().parse(text)
    except ExpressionError as error:
        return error
    except UnexpectedInput as error:
        return _unexpected(text, error)
    return part.node  # type: ignore[attr-defined, no-any-return]  # Lark does not know what the transformer makes.


def _check_name(node: Expression, available: Availability | None) -> None:
    if isinstance(node, Context) and available is not None and node.name.lower() not in available.contexts:
        known = ", ".join(sorted(available.contexts)) or "none"
        raise ExpressionError(f"{node.name!r} is not available here (available: {known})", node.start)
    if not isinstance(node, Call):
        return
    name = node.name.lower()
    arity = FUNCTIONS.get(name) or (KEYED_FUNCTIONS if available is None else available.functions).get(name)
    if arity is None:
        what = "is not available here" if name in KEYED_FUNCTIONS else "is no function of GitHub's expressions"
        raise ExpressionError(f"{node.name}() {what}", node.start)
    fault = arity_fault(node.name, len(node.arguments), arity)
    if fault:
        raise ExpressionError(fault, node.start)


def _unexpected(text: str, error: UnexpectedInput) -> ExpressionError:
    offset = error.pos_in_stream if error.pos_in_stream is not None else len(text)
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return ExpressionError("the expression ends too early", len(text))
    rest = text[offset:]
    if rest.startswith("'"):
        return ExpressionError("the string is not closed, or stands where none may", offset)
    word = rest.split()[0] if rest.strip() else rest
    return ExpressionError(f"unexpected {word[:40]!r}", offset)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual", transformer=_Builder())


@dataclass(slots=True)
class _Part:
    """A node with the depth GitHub's parser needs below it, and the number of indexes it ends with."""

    node: Expression
    depth: int = 0
    links: int = 0

    def __post_init__(self) -> None:
        # The parser that enters the whole expression has gone one deep.
        if self.depth + 1 > MAX_DEPTH:
            raise ExpressionError(f"the expression is nested deeper than {MAX_DEPTH} levels", self.node.start)


@v_args(inline=True)
class _Builder(Transformer[Token, _Part]):
    """Makes nodes while Lark parses, so that nothing too deep is ever built."""

    def start(self, part: _Part) -> _Part:
        return part

    def disjunction(self, *parts: _Part) -> _Part:
        return _logical("||", parts)

    def conjunction(self, *parts: _Part) -> _Part:
        return _logical("&&", parts)

    def compare(self, left: _Part, operator: Token, right: _Part) -> _Part:
        node = Comparison(left.node.start, right.node.end, str(operator), left.node, right.node)
        return _Part(node, max(left.depth, right.depth))

    def negation(self, mark: Token, operand: _Part) -> _Part:
        return _Part(Not(_start(mark), operand.node.end, operand.node), operand.depth + 1)

    def literal(self, token: Token) -> _Part:
        return _Part(Literal(_start(token), _end(token), _literal_value(token)))

    def context(self, name: Token) -> _Part:
        return _Part(Context(_start(name), _end(name), str(name)))

    def group(self, _opening: Token, inner: _Part, _closing: Token) -> _Part:
        return _Part(inner.node, inner.depth + 1)

    def member(self, target: _Part, name: Token) -> _Part:
        key = Literal(_start(name), _end(name), str(name))
        return _linked(target, Index(target.node.start, _end(name), target.node, key))

    def filter(self, target: _Part, *tokens: Token) -> _Part:
        return _linked(target, Filter(target.node.start, _end(tokens[-1]), target.node))

    def index(self, target: _Part, key: _Part, closing: Token) -> _Part:
        node = Index(target.node.start, _end(closing), target.node, key.node)
        return _linked(target, node, target.links + 1 + key.depth)

    def call(self, name: Token, _opening: Token, *rest: _Part | Token | None) -> _Part:
        parts = [part for part in rest if isinstance(part, _Part)]
        closing = next(token for token in reversed(rest) if isinstance(token, Token))
        node = Call(_start(name), _end(closing), str(name), tuple(part.node for part in parts))
        return _Part(node, max((part.depth + 1 for part in parts), default=0))


def _logical(operator: str, parts: tuple[_Part, ...]) -> _Part:
    nodes = tuple(part.node for part in parts)
    node = Logical(nodes[0].start, nodes[-1].end, "&&" if operator == "&&" else "||", nodes)
    return _Part(node, max(parts[0].depth, 1 + max(part.depth for part in parts[1:])))


def _linked(target: _Part, node: Index | Filter, depth: int = 0) -> _Part:
    links = target.links + 1
    return _Part(node, max(target.depth, depth, links), links)


def _start(token: Token) -> int:
    return token.start_pos or 0


def _end(token: Token) -> int:
    return token.end_pos or 0


def _literal_value(token: Token) -> bool | float | str | None:
    text = str(token)
    if token.type == "STRING":
        return text[1:-1].replace("''", "'")
    if token.type == "NUMBER":
        return _number(text)
    return {"NULL": None, "TRUE": True, "FALSE": False, "NAN": math.nan, "INFINITY": math.inf}[token.type]


def _number(text: str) -> float:
    """The number a literal stands for."""
    if text[1:2] in ("x", "X", "o", "O", "b", "B"):
        value = int(text, 0)
        return float(value) if value.bit_length() <= 1023 else math.inf
    return float(text)
