"""OTLP attribute lists as dictionaries, and typed reads of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

# Values we use no attribute of (bytes, nested key-value lists) read as None: the raw span keeps them.
AttributeValue = str | bool | int | float | tuple[str, ...] | None
Attributes = Mapping[str, AttributeValue]

MAX_ATTRIBUTES: Final = 10_000
"""Of one span, point or record. SDKs cut at 128 by themselves (OpenTelemetry specification, "Attribute Limits")."""

_INT64_MAX = 2**63 - 1
_INT32_MAX = 2**31 - 1


class RejectedError(ValueError):
    """A span or point that cannot be kept; the message is for the sender."""


def decode_attributes(attributes: Iterable[KeyValue]) -> dict[str, AttributeValue]:
    """The last value of a key wins, as the specification leaves open which."""
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def check_number(attributes: Sized) -> None:
    """Refuse what no sender in good faith sends.

    Raises:
        RejectedError: There are too many.
    """
    if len(attributes) > MAX_ATTRIBUTES:
        raise RejectedError(f"it has {len(attributes)} attributes; at most {MAX_ATTRIBUTES} are kept")


def text(attributes: Attributes, key: str) -> str | None:
    """A string; None when absent or empty.

    Raises:
        RejectedError: It is there and of another type. The same holds for the functions below.
    """
    value = attributes.get(key)
    if value is None or isinstance(value, str):
        return value or None
    raise RejectedError(f"{key} must be a string, not {value!r}")


def texts(attributes: Attributes, key: str) -> tuple[str, ...] | None:
    """An array of strings; None when absent."""
    value = attributes.get(key)
    if value is None or isinstance(value, tuple):
        return value
    raise RejectedError(f"{key} must be an array of strings, not {value!r}")


def whole(attributes: Attributes, key: str, *, maximum: int = _INT64_MAX) -> int | None:
    """An integer of 0 up to `maximum`; None when absent."""
    value = attributes.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= maximum:
        raise RejectedError(f"{key} must be an integer from 0 to {maximum}, not {value!r}")
    return value


def small_whole(attributes: Attributes, key: str) -> int | None:
    """An integer that fits 31 bits."""
    return whole(attributes, key, maximum=_INT32_MAX)


def amount(attributes: Attributes, key: str) -> float | None:
    """A finite number of 0 or more, written as float or integer."""
    value = attributes.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise RejectedError(f"{key} must be a number of 0 or more, not {value!r}")
    return float(value)


def hexadecimal_id(data: bytes, size: int, what: str) -> str:
    """A trace or span id in hexadecimal; all zeros is invalid (W3C Trace Context, section 3.2.2.3)."""
    if len(data) != size or not any(data):
        raise RejectedError(f"{what} must be {size} bytes and not all zero, not {data.hex() or 'empty'}")
    return data.hex()


def instant_ns(value: int, what: str) -> int:
    """A time a signed 64-bit integer holds (up to the year 2262); 0 means unset in OTLP."""
    if not 0 < value <= _INT64_MAX:
        raise RejectedError(f"{what} must be a time between 1970 and 2262, not {value} ns")
    return value


def _value(value: AnyValue) -> AttributeValue:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "int_value":
        return value.int_value
    if kind == "double_value":
        return value.double_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "array_value":
        return tuple(item.string_value for item in value.array_value.values if item.HasField("string_value"))
    return None
