"""What GitHub's functions yield for known arguments; `UNKNOWN` where that is not certain or the call fails the job.

GitHub documents them under "Evaluate expressions"; status functions and `hashFiles` depend on the run.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence

from makespan_optimizer.expressions.values import (
    UNKNOWN,
    MaybeValue,
    Unknown,
    Value,
    equal,
    is_primitive,
    to_text,
    upper,
)

# `{0}`, and the doubled braces that stand for one.
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([0-9]+)\}|[{}]")
_PLAIN_JSON = frozenset(map(chr, range(0x20, 0x7F))) | {"\n"}


def members(value: Value) -> Sequence[Value]:
    """The items of an array, the values of an object; none of anything else."""
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, Sequence) and not isinstance(value, str) else []


def _case(arguments: Sequence[Value]) -> MaybeValue:
    for condition, value in zip(arguments[:-1:2], arguments[1::2], strict=True):
        if not isinstance(condition, bool):
            return UNKNOWN
        if condition:
            return value
    return arguments[-1]


def _contains(arguments: Sequence[Value]) -> MaybeValue:
    inside, sought = arguments
    if is_primitive(inside):
        return _in_text(arguments, str.__contains__)
    if isinstance(inside, Mapping):
        return False
    found = [equal(sought, item) for item in members(inside)]
    return True if True in found else UNKNOWN if UNKNOWN in found else False


def _in_text(arguments: Sequence[Value], test: Callable[[str, str], bool]) -> MaybeValue:
    if not all(is_primitive(argument) for argument in arguments):
        return False
    texts = [to_text(argument) for argument in arguments]
    uppers = [UNKNOWN if isinstance(text, Unknown) else upper(text) for text in texts]
    text, sought = uppers
    return UNKNOWN if isinstance(text, Unknown) or isinstance(sought, Unknown) else test(text, sought)


def _format(arguments: Sequence[Value]) -> MaybeValue:
    texts = [to_text(argument) for argument in arguments]
    known = [text for text in texts if not isinstance(text, Unknown)]
    if len(known) < len(texts):
        return UNKNOWN
    pattern, *given = known
    parts, position = [], 0
    for match in _PLACEHOLDER.finditer(pattern):
        parts.append(pattern[position : match.start()])
        position = match.end()
        if match[1] is not None and int(match[1]) < len(given):
            parts.append(given[int(match[1])])
        elif match[0] in ("{{", "}}"):
            parts.append(match[0][0])
        else:
            # A lone brace, a format specifier, or a value that was not given.
            return UNKNOWN
    return "".join(parts) + pattern[position:]


def _from_json(arguments: Sequence[Value]) -> MaybeValue:
    text = to_text(arguments[0])
    if isinstance(text, Unknown):
        return UNKNOWN
    try:
        return _json_value(json.loads(text, parse_int=float, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return UNKNOWN


def _refuse(constant: str) -> Value:
    raise ValueError(f"{constant} is no JSON")


def _json_value(value: Value) -> Value:
    if isinstance(value, Mapping):
        # Of keys that differ in case only, GitHub keeps the first.
        kept: dict[str, Value] = {}
        for key, item in value.items():
            if key.lower() not in {own.lower() for own in kept}:
                kept[key] = _json_value(item)
        return kept
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    return value


def _to_json(arguments: Sequence[Value]) -> MaybeValue:
    try:
        plain = _plain(arguments[0])
    except ValueError:
        return UNKNOWN
    text = json.dumps(plain, indent=2, ensure_ascii=False)
    # Newtonsoft.Json and JavaScript escape some characters differently.
    return text if set(text) <= _PLAIN_JSON else UNKNOWN


def _plain(value: Value) -> object:
    if isinstance(value, float):
        text = to_text(value)
        if isinstance(text, Unknown) or not math.isfinite(value):
            raise ValueError("not a number with one text")
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _join(arguments: Sequence[Value]) -> MaybeValue:
    value = arguments[0]
    if is_primitive(value):
        return to_text(value)
    if isinstance(value, Mapping):
        return ""
    separator = to_text(arguments[1]) if len(arguments) > 1 and is_primitive(arguments[1]) else ","
    texts = [to_text(item) for item in members(value)]
    known = [text for text in texts if not isinstance(text, Unknown)]
    return UNKNOWN if isinstance(separator, Unknown) or len(known) < len(texts) else separator.join(known)


IMPLEMENTATIONS: Mapping[str, Callable[[Sequence[Value]], MaybeValue]] = {
    "case": _case,
    "contains": _contains,
    "endswith": lambda arguments: _in_text(arguments, str.endswith),
    "format": _format,
    "fromjson": _from_json,
    "join": _join,
    "startswith": lambda arguments: _in_text(arguments, str.startswith),
    "tojson": _to_json,
}
