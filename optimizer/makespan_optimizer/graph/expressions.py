"""References and status functions in GitHub expressions.

The tokens follow GitHub's documentation of expressions (literals, operators, functions, dereference by
`.name`, `['name']` and `.*`); text inside quoted strings is never taken for a reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

STATUS_FUNCTIONS = frozenset({"success", "failure", "always", "cancelled"})

_OPEN = "${{"
# A quoted string doubles its quotes; everything else is a name, an operator or white space.
_TOKEN = re.compile(
    r"""
    (?P<string>'(?:[^']|'')*')
  | (?P<number>(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?))
  | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
  | (?P<operator>&&|\|\||==|!=|<=|>=|[!<>()\[\].,*])
  | (?P<space>\s+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token; the text of a string is without its quotes."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class References:
    """What a set of expressions refers to.

    Attributes:
        paths: Dereferences such as `("needs", "build", "outputs", "x")`, in lower case; `*` stands for all
            members or a computed one.
        functions: Names of the functions called, in lower case.
        exact: False when a text could not be taken apart, so that there may be more.
    """

    paths: frozenset[tuple[str, ...]]
    functions: frozenset[str]
    exact: bool

    def members(self, context: str) -> frozenset[str]:
        """First members read from a context: job ids of `needs`, step ids of `steps`; `*` when any may be meant."""
        return frozenset(path[1] if len(path) > 1 else "*" for path in self.paths if path[0] == context)


def tokenize(expression: str) -> tuple[Token, ...]:
    """Tokens of the inside of `${{ … }}`; an unknown character becomes a token of kind `other`."""
    tokens = []
    for match in _TOKEN.finditer(expression):
        kind = match.lastgroup or "other"
        if kind == "string":
            tokens.append(Token("string", match.group()[1:-1].replace("''", "'")))
        elif kind != "space":
            tokens.append(Token(kind, match.group()))
    return tuple(tokens)


def embedded(text: str) -> Iterator[str | None]:
    """The insides of all `${{ … }}` of a text; None for one that never ends.

    The end is the first `}}` outside a quoted string.
    """
    position = 0
    while (begin := text.find(_OPEN, position)) >= 0:
        end = _expression_end(text, begin + len(_OPEN))
        if end is None:
            yield None
            return
        yield text[begin + len(_OPEN) : end]
        position = end + 2


def bare_expression(condition: str) -> str | None:
    """The expression of an `if`, which may go without `${{ }}`; None when text and expressions are mixed."""
    stripped = condition.strip()
    if _OPEN not in stripped:
        return stripped
    inside = list(embedded(stripped))
    whole = len(inside) == 1 and inside[0] is not None and stripped == f"{_OPEN}{inside[0]}}}}}"
    return inside[0].strip() if whole and inside[0] is not None else None


def references(texts: Iterable[str], conditions: Iterable[str] = ()) -> References:
    """What texts with `${{ }}` and conditions refer to."""
    paths: set[tuple[str, ...]] = set()
    functions: set[str] = set()
    exact = True
    expressions: list[str | None] = [inside for text in texts for inside in embedded(text)]
    for condition in conditions:
        bare = bare_expression(condition)
        expressions.extend([bare] if bare is not None else embedded(condition))
    for expression in expressions:
        if expression is None:
            exact = False
            continue
        tokens = tokenize(expression)
        exact = exact and all(token.kind != "other" for token in tokens)
        _collect(tokens, paths, functions)
    return References(frozenset(paths), frozenset(functions), exact)


def _expression_end(text: str, position: int) -> int | None:
    quoted = False
    while position < len(text):
        if text[position] == "'":
            quoted = not quoted
        elif not quoted and text.startswith("}}", position):
            return position
        position += 1
    return None


def _collect(tokens: tuple[Token, ...], paths: set[tuple[str, ...]], functions: set[str]) -> None:
    position = 0
    while position < len(tokens):
        token = tokens[position]
        if token.kind != "name":
            position += 1
            continue
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        if following == Token("operator", "("):
            functions.add(token.text.lower())
            position += 1
            continue
        path, position = _dereference(tokens, position)
        paths.add(path)


def _dereference(tokens: tuple[Token, ...], position: int) -> tuple[tuple[str, ...], int]:
    path = [tokens[position].text.lower()]
    position += 1
    while position + 1 < len(tokens):
        mark, member = tokens[position], tokens[position + 1]
        if mark == Token("operator", ".") and (member.kind == "name" or member.text == "*"):
            path.append(member.text.lower())
            position += 2
        elif mark == Token("operator", "["):
            closed = position + 2 < len(tokens) and tokens[position + 2] == Token("operator", "]")
            path.append(member.text.lower() if member.kind == "string" and closed else "*")
            if not closed:
                # A computed index: its own references are collected after it.
                return tuple(path), position + 1
            position += 3 if member.kind in ("string", "number") or member.text == "*" else 1
            if member.kind == "name":
                return tuple(path), position
        else:
            break
    return tuple(path), position
