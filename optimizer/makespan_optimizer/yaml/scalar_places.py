"""Where a character of a scalar's value stands in the file."""

from __future__ import annotations

import re

from makespan_optimizer.yaml.nodes import Document, Scalar

# An anchor or a tag before the scalar is part of its node (YAML 1.2, section 6.9).
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
# In double quotes (section 5.7): an escape, one that ends the line, or a character.
_DOUBLE_QUOTED = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|.)|.", re.DOTALL)
_SINGLE_QUOTED = re.compile(r"''|.", re.DOTALL)
_PLAIN = re.compile(r".", re.DOTALL)
# Escapes that stand for white space, or for nothing.
_BLANK_ESCAPES = frozenset(
    {"\\ ", "\\t", "\\\t", "\\n", "\\r", "\\v", "\\f", "\\N", "\\_", "\\L", "\\P", "\\\n", "\\\r\n"}
)


def source_offset(document: Document, scalar: Scalar, offset: int) -> int:
    """The offset in the file of a character of a value.

    Folding and indentation change white space only, so a character is found by how many that are not white space come
    before it; white space is told as the next character after it.

    Args:
        document: That holds the scalar.
        scalar: In any style.
        offset: In characters of `scalar.value`.
    """
    text = document.text
    start = scalar.start + (match.end() if (match := _PROPERTIES.match(text[scalar.start : scalar.end])) else 0)
    if text[start : scalar.end] == scalar.value:
        return start + offset
    pattern = _PLAIN
    if scalar.is_block:
        line_end = text.find("\n", start, scalar.end)
        start = scalar.end if line_end < 0 else line_end + 1
    elif scalar.style:
        start += 1
        pattern = _DOUBLE_QUOTED if scalar.style == '"' else _SINGLE_QUOTED
    before = sum(not character.isspace() for character in scalar.value[:offset])
    for match in pattern.finditer(text, start, scalar.end):
        if match[0].isspace() or match[0] in _BLANK_ESCAPES:
            continue
        if before == 0:
            return match.start()
        before -= 1
    return scalar.end
