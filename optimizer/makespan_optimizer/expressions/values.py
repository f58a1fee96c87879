"""Values of expressions and how GitHub converts and compares them.

The rules are JavaScript's abstract comparison with strings compared without case, as GitHub documents under
"Operators". npm `@actions/expressions` and the runner's C# differ in corners (long fractions, letters outside
ASCII, binary literals); there the answer is `UNKNOWN`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from makespan_optimizer.expressions.templates import WHITE_SPACE
from makespan_optimizer.expressions.tree import Primitive

Value = Primitive | Sequence["Value"] | Mapping[str, "Value"]
"""Arrays are sequences; objects are mappings whose keys GitHub compares without case."""


class Unknown(Enum):
    """A value that is not certain before the workflow runs."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
MaybeValue = Value | Unknown

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,7}")
# The two implementations read these differently, or only one of them reads them.
_DOUBTFUL_NUMBER = re.compile(r"[+-]?(?:0[a-zA-Z].*|Infinity|∞)", re.DOTALL)


def is_primitive(value: Value) -> bool:
    """Whether this is null, a boolean, a number or a string."""
    return value is None or isinstance(value, bool | float | str)


def truth(value: Value) -> bool:
    """False for null, false, 0, NaN and the empty string."""
    if isinstance(value, float):
        return value != 0 and not math.isnan(value)
    return bool(value) if is_primitive(value) else True


def to_text(value: Value) -> str | Unknown:
    """The text GitHub makes of a value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, str):
        return value
    return "Object" if isinstance(value, Mapping) else "Array"


def to_number(value: Value) -> float | Unknown:
    """The number GitHub makes of a value; NaN when it is none."""
    if value is None or isinstance(value, bool):
        return float(value or 0)
    if isinstance(value, float):
        return value
    if not isinstance(value, str):
        return math.nan
    text = value.strip(WHITE_SPACE)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _HEXADECIMAL.fullmatch(text):
        return float(int(text, 16))
    if _DOUBTFUL_NUMBER.fullmatch(text):
        return UNKNOWN
    return math.nan if text else 0.0


def upper(text: str) -> str | Unknown:
    """Upper case for comparisons, certain within ASCII."""
    return text.upper() if text.isascii() else UNKNOWN


def equal(left: Value, right: Value) -> bool | Unknown:
    """GitHub's `==`."""
    if isinstance(left, str) and isinstance(right, str):
        if left == right:
            return True
        return _compared(upper(left), upper(right), "==")
    if not is_primitive(left) or not is_primitive(right):
        # Arrays and objects equal only themselves; whether two expressions yield the same one is not tracked.
        return UNKNOWN if not is_primitive(left) and not is_primitive(right) else False
    if type(left) is type(right):
        return left == right
    return _compared(to_number(left), to_number(right), "==")


def less(left: Value, right: Value) -> bool | Unknown:
    """GitHub's `<`; `>` is this with its sides changed."""
    if not is_primitive(left) or not is_primitive(right):
        return False
    if isinstance(left, str) and isinstance(right, str):
        return _compared(upper(left), upper(right), "<")
    if left is None and right is None:
        return False
    return _compared(to_number(left), to_number(right), "<")


def _compared(left: float | str | Unknown, right: float | str | Unknown, operator: str) -> bool | Unknown:
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return UNKNOWN
    if operator == "==":
        return left == right
    return left < right  # type: ignore[operator]  # Both are numbers or both are strings.


def _number_text(value: float) -> str | Unknown:
    if value == 0:
        return "0"
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    # The runner writes 15 significant digits, npm 15 decimals: alike where both are the shortest text.
    shortest = repr(value)
    if 1e-4 <= abs(value) < 1e15 and "e" not in shortest and len(shortest.strip("-0.").replace(".", "")) <= 14:
        return shortest
    return UNKNOWN
