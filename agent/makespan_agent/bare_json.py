"""JSON without the `json` package, whose import (5 ms with `re`) would delay every wrapped step.

The interpreter's C scanner and string escaper do the work; a test compares both directions with `json`.
"""

from __future__ import annotations

import _json


class _Scanning:
    """What the C scanner asks its decoder for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012


def parse(text: str) -> object:
    """The value of a JSON text.

    Raises:
        ValueError: The text is not one JSON value.
    """
    text = text.strip(" \t\r\n")
    try:
        value, end = _json.make_scanner(_Scanning)(text, 0)  # type: ignore[arg-type]
    except (StopIteration, SystemError):
        # The scanner expects `json.decoder` to be loaded when it reports a fault (it raises SystemError without).
        end = -1
    if end != len(text):
        import json  # Only for the message of what is wrong.

        value = json.loads(text)
    return value


def render(value: object) -> str:
    """Compact JSON of dicts with text keys, lists, tuples, text, numbers, booleans and None.

    Raises:
        TypeError: A value of another type.
        ValueError: A number that JSON cannot hold (NaN, infinity).
    """
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return str(_json.encode_basestring_ascii(value))
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"JSON has no {value}")
        return float.__repr__(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{render(str(key))}:{render(item)}" for key, item in value.items()]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([render(item) for item in value]) + "]"
    raise TypeError(f"cannot render a {type(value).__name__} as JSON")
