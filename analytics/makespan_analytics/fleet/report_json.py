"""Reports as JSON and back: frozen dataclasses of plain values, checked against their annotations when read.

Unlike a pickle, such a text can be read from anybody: nothing in it is run, and what does not fit is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Record = TypeVar("Record")
_Reader = Callable[[Any], Any]


def to_json(record: object) -> str:
    """A dataclass of dataclasses, tuples, mappings by text, enumerations and plain values.

    Raises:
        TypeError: It holds something else.
    """
    return json.dumps(record, default=_members, separators=(",", ":"))


def from_json(kind: type[Record], text: str | bytes) -> Record:
    """What `to_json` made a text of.

    Raises:
        ValueError: The text is not of this class.
    """
    return read(kind, json.loads(text))


def read(kind: type[Record], value: Any) -> Record:
    """The same of values that JSON was read into.

    Raises:
        ValueError: They are not of this class.
    """
    try:
        found: Record = _reader_of(cast("Hashable", kind))(value)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a {kind.__name__}: {error!r}") from error
    return found


def _members(value: object) -> dict[str, Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} is not a plain value")


@cache
def _reader_of(kind: Hashable) -> _Reader:
    return _reader(kind)


def _reader(kind: Any) -> _Reader:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _one_of(arguments)
    if origin is tuple:
        return _tuple_of(arguments)
    if origin is not None and issubclass(origin, Mapping):
        of_value = _reader(arguments[1])
        return lambda value: {_reader(arguments[0])(key): of_value(item) for key, item in value.items()}
    if origin is not None and issubclass(origin, Sequence):
        return _tuple_of((arguments[0], ...))
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return _plain(kind)


def _dataclass(kind: type[Any]) -> _Reader:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}

    def make(value: Any) -> Any:
        if value.keys() != readers.keys():
            raise ValueError(f"a {kind.__name__} has {', '.join(readers)}, not {', '.join(value)}")
        return kind(**{name: of_member(value[name]) for name, of_member in readers.items()})

    return make


def _tuple_of(arguments: tuple[Any, ...]) -> _Reader:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        of_item = _reader(arguments[0])
        return lambda value: tuple([of_item(item) for item in _listed(value)])
    readers = [_reader(argument) for argument in arguments]
    return lambda value: tuple([of(item) for of, item in zip(readers, _listed(value), strict=True)])


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"a list is needed, not {value!r}")  # noqa: TRY004 - as for any other text that does not fit
    return value


def _one_of(kinds: tuple[Any, ...]) -> _Reader:
    readers = [_reader(kind) for kind in kinds if kind is not NoneType]

    def make(value: Any) -> Any:
        if value is None and NoneType in kinds:
            return None
        for number, of_kind in enumerate(readers):
            try:
                return of_kind(value)
            except (ValueError, TypeError, AttributeError):
                if number == len(readers) - 1:
                    raise
        raise ValueError(f"no value is possible but null, not {value!r}")

    return make


def _plain(kind: Any) -> _Reader:
    # JSON has one kind of number: a whole one stays whole, as it is equal anyway.
    allowed: tuple[type, ...] = {float: (float, int), int: (int,), str: (str,), bool: (bool,)}.get(kind, ())
    if not allowed:
        raise TypeError(f"{kind!r} is not a plain type")

    def check(value: Any) -> Any:
        if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"a {kind.__name__} is needed, not {value!r}")
        return value

    return check
