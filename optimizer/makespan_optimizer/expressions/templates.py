"""Text with `${{ … }}` in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from makespan_optimizer.expressions.availability import Availability
from makespan_optimizer.expressions.grammar import ExpressionError, parse_expression
from makespan_optimizer.expressions.tree import Call, Expression, Literal

OPEN, CLOSE = "${{", "}}"
_QUOTE_OR_CLOSE = re.compile(r"'|\}\}")
# What JavaScript's `trim` takes off (ECMA-262, WhiteSpace and LineTerminator); Python's `strip` differs.
WHITE_SPACE = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))


@dataclass(frozen=True, slots=True)
class Embedded:
    """One `${{ … }}`.

    Attributes:
        start: Of the opening braces, in characters of the text.
        end: After the closing braces; the text's end where they are missing.
        inside: Without braces and the white space around; None where the end is missing.
        inside_start: Where `inside` begins.
    """

    start: int
    end: int
    inside: str | None
    inside_start: int

    def parse(self, available: Availability | None = None) -> Expression:
        """The tree; its places count from `inside_start`.

        Raises:
            ExpressionError: With an offset in the whole text.
        """
        if self.inside is None:
            raise ExpressionError("'${{' is not closed by '}}'", self.start)
        try:
            return parse_expression(self.inside, available)
        except ExpressionError as error:
            raise ExpressionError(error.what, self.inside_start + error.offset) from None


@dataclass(frozen=True, slots=True)
class Template:
    """A text as its parts in order: plain text, and expressions."""

    text: str
    parts: tuple[str | Embedded, ...]

    @property
    def embedded(self) -> tuple[Embedded, ...]:
        """The expressions alone."""
        return tuple(part for part in self.parts if isinstance(part, Embedded))

    @property
    def only(self) -> Embedded | None:
        """The expression that is the whole text, so that its value keeps its type; None when there is more."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Embedded) else None

    @property
    def literal(self) -> str | None:
        """The string of a text that is one `${{ 'string' }}`: GitHub puts it in its place while it reads the file."""
        inside = None if self.only is None else self.only.inside
        if inside is None or not inside.startswith("'"):
            return None
        try:
            tree = parse_expression(inside)
        except ExpressionError:
            return None
        return tree.value if isinstance(tree, Literal) and isinstance(tree.value, str) else None

    def parse(self, available: Availability | None = None) -> Expression:
        """One tree for the whole text: GitHub joins text and expressions with `format`.

        Raises:
            ExpressionError: With an offset in the text.
        """
        if self.only is not None:
            return self.only.parse(available)
        pattern: list[str] = []
        arguments: list[Expression] = []
        for part in self.parts:
            if isinstance(part, str):
                pattern.append(part.replace("{", "{{").replace("}", "}}"))
            else:
                pattern.append(f"{{{len(arguments)}}}")
                arguments.append(part.parse(available))
        end = len(self.text)
        literal = Literal(0, end, "".join(pattern) if arguments else self.text)
        return Call(0, end, "format", (literal, *arguments)) if arguments else literal


@lru_cache(maxsize=8192)
def read_template(text: str) -> Template:
    """Split a text at its expressions.

    An expression ends at the first `}}` outside a quoted string.
    """
    if OPEN not in text:
        return Template(text, (text,))
    return Template(text, tuple(_parts(text)))


def _parts(text: str) -> Iterator[str | Embedded]:
    position = 0
    while (start := text.find(OPEN, position)) >= 0:
        if start > position:
            yield text[position:start]
        end = _close(text, start + len(OPEN))
        if end is None:
            yield Embedded(start, len(text), None, start + len(OPEN))
            return
        between = text[start + len(OPEN) : end]
        inside = between.lstrip(WHITE_SPACE)
        position = end + len(CLOSE)
        yield Embedded(start, position, inside.rstrip(WHITE_SPACE), end - len(inside))
    if position < len(text):
        yield text[position:]


def _close(text: str, position: int) -> int | None:
    quoted = False
    for match in _QUOTE_OR_CLOSE.finditer(text, position):
        if match[0] == "'":
            quoted = not quoted
        elif not quoted:
            return match.start()
    return None
