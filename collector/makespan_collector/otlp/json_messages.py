"""OTLP/JSON requests as the protobuf messages they stand for.

The mapping is protobuf's own JSON mapping with the exceptions of the OTLP specification 1.5 ("JSON Protobuf
Encoding"): trace and span ids are hexadecimal, enums are integers, names are lowerCamelCase only, and what is
unknown is ignored. protobuf's `json_format` would read the ids as base64 without a word, so the tables that drive
the conversion are built from the descriptors here.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

MAX_DEPTH: Final = 64
"""Lists and objects within each other. A span's attribute sits at 12; 64 leaves arrays of arrays a lot of room."""

_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_LIMITS: Final[Mapping[int, tuple[int, int]]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

Request = TypeVar("Request", bound=Message)


class JsonRequestError(ValueError):
    """The text is not the JSON form of the message; says where."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    repeated: bool
    message: Descriptor | None
    read: Callable[[object], object]


def parse_json(kind: type[Request], data: bytes) -> Request:
    """Read a request.

    Raises:
        JsonRequestError: Not JSON, nested too deeply, or a value that its field cannot hold.
    """
    try:
        # Duplicate keys and the like are the sender's own affair; NaN as a bare word is not JSON (RFC 8259).
        content = json.loads(data, parse_constant=_refuse_constant)
    except RecursionError:
        raise JsonRequestError(f"the JSON is nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise JsonRequestError(f"the body is not JSON: {error}") from error
    message: Request = kind()
    _fill(message, content, "", MAX_DEPTH)
    return message


def _fill(message: Message, content: object, place: str, depth: int) -> None:
    if not isinstance(content, dict):
        raise JsonRequestError(f"{place or 'the body'} must be an object, not {_shown(content)}")
    if depth == 0:
        raise JsonRequestError(f"{place} is nested more than {MAX_DEPTH} deep")
    fields = _fields(message.DESCRIPTOR)
    for key, value in content.items():
        field = fields.get(key)
        if field is None or value is None:
            continue
        where = f"{place}.{key}" if place else key
        if field.repeated:
            if not isinstance(value, list):
                raise JsonRequestError(f"{where} must be an array, not {_shown(value)}")
            items = getattr(message, field.name)
            for number, item in enumerate(value):
                if field.message is not None:
                    _fill(items.add(), item, f"{where}[{number}]", depth - 1)
                else:
                    items.append(_scalar(field, item, f"{where}[{number}]"))
        elif field.message is not None:
            inner = getattr(message, field.name)
            inner.SetInParent()
            _fill(inner, value, where, depth - 1)
        else:
            setattr(message, field.name, _scalar(field, value, where))


def _scalar(field: _Field, value: object, place: str) -> Any:
    try:
        return field.read(value)
    except ValueError as error:
        raise JsonRequestError(f"{place} {error}, not {_shown(value)}") from None


@cache
def _fields(descriptor: Descriptor) -> Mapping[str, _Field]:
    return {
        field.json_name: _Field(field.name, field.is_repeated, field.message_type, _reader(field))
        for field in descriptor.fields
    }


def _reader(field: FieldDescriptor) -> Callable[[object], object]:
    kind = field.cpp_type
    if kind in _LIMITS:
        return _whole_within(*_LIMITS[kind])
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return _truth
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return _number
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _hexadecimal if field.name in _IDS else _base64
    return _text


def _whole_within(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        """64-bit integers are decimal strings in protobuf's JSON; numbers are accepted as well."""
        number = value
        if isinstance(value, str):
            digits = value.removeprefix("-")
            # int() alone would take spaces, underscores and other alphabets' digits, and would be slow on a megabyte.
            number = int(value) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else None
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            raise ValueError(f"must be an integer from {least} to {most}")
        return number

    return read


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - one error for every wrong value
    return value


def _number(value: object) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")  # noqa: TRY004
    try:
        return float(value)
    except OverflowError:
        raise ValueError("must be a number of 64 bits") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be Unicode text without lone surrogates") from None
    return value


def _hexadecimal(value: object) -> bytes:
    if not isinstance(value, str) or not value.isascii():
        raise ValueError("must be hexadecimal digits")
    try:
        return binascii.unhexlify(value)
    except binascii.Error:
        raise ValueError("must be hexadecimal digits") from None


def _base64(value: object) -> bytes:
    if not isinstance(value, str) or not value.isascii():
        raise ValueError("must be base64")
    try:
        # Either alphabet, padded or not, as protobuf's own JSON readers take it.
        return base64.b64decode(value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        raise ValueError("must be base64") from None


def _refuse_constant(word: str) -> object:
    raise ValueError(f"{word} is no JSON value")


def _shown(value: object) -> str:
    shown = json.dumps(value) if not isinstance(value, dict | list) else type(value).__name__
    return shown if len(shown) <= 40 else f"{shown[:40]}…"
