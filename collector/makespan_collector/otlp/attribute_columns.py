"""Attributes of many spans as columns: one array operation a key instead of one dictionary a span.

What the row decoder would read differently or reject (a value of another type, out of range) is not decided here:
its span is marked as odd, and the caller gives it to the row decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.common.v1.common_pb2 import ArrayValue

from makespan_collector.otlp.attributes import Attributes, AttributeValue, RejectedError

Mask = npt.NDArray[np.bool_]
Reader = Callable[[Attributes, str], AttributeValue]

_DOUBLE_LIMIT = float("inf")


class AttributeColumns:
    """The attributes of the spans of one request.

    Args:
        lists: The attribute list of every span (`reduced_messages.span_table`).
        resources: The attributes of every resource, or of every scope its resource's.
        resource_of: For every span which of them is its own.

    Attributes:
        odd: Spans that need the row decoder; grows with every column that is asked for.
    """

    def __init__(self, lists: Any, resources: Sequence[Attributes], resource_of: npt.NDArray[np.intp]) -> None:
        self._count = len(lists)
        self._resources = resources
        self._resource_of = resource_of
        self.odd: Mask = np.zeros(self._count, dtype=bool)
        flat = lists.flatten()
        self._span_of = np.repeat(np.arange(self._count), np.diff(lists.offsets.to_numpy()))
        keys = flat.field(0).dictionary_encode()
        self._codes = keys.indices.to_numpy(zero_copy_only=False)
        self._code_of = {key: code for code, key in enumerate(keys.dictionary.to_pylist())}
        strings, _, integers, doubles, arrays = flat.field(1).flatten()
        self._strings, self._integers, self._doubles, self._arrays = strings, integers, doubles, arrays

    def having(self, keys: Collection[str]) -> Mask:
        """Spans with one of the keys of their own."""
        found: Mask = np.zeros(self._count, dtype=bool)
        codes = [self._code_of[key] for key in keys if key in self._code_of]
        if codes:
            found[self._span_of[np.isin(self._codes, codes)]] = True
        return found

    def texts(self, key: str, reader: Reader) -> Any:
        """Strings; null where absent or empty."""
        found = self._scattered(key, self._strings, reader, pa.string())
        return found if found is None else _without_empty(found)

    def words(self, key: str, reader: Reader, allowed: Collection[str]) -> Any:
        """Strings out of a few; null where absent or empty, any other makes its span odd."""
        found = self.texts(key, reader)
        if found is not None:
            unknown = pc.invert(pc.is_in(found, value_set=pa.array(list(allowed), pa.string())))
            self._mark(pc.and_(pc.is_valid(found), unknown))
        return found

    def wholes(self, key: str, reader: Reader, kind: Any, maximum: int) -> Any:
        """Integers from 0 to `maximum`; null where absent."""
        found = self._scattered(key, self._integers, reader, pa.int64())
        if found is None:
            return None
        outside = pc.fill_null(pc.or_(pc.less(found, 0), pc.greater(found, maximum)), False)
        if self._mark(outside):
            found = pc.if_else(outside, None, found)
        return found.cast(kind)

    def amounts(self, key: str, reader: Reader) -> Any:
        """Finite numbers of 0 or more; null where absent."""
        numbers = pc.coalesce(self._doubles, self._integers.cast(pa.float64(), safe=False))
        found = self._scattered(key, numbers, reader, pa.float64())
        if found is not None:
            sound = pc.and_(pc.greater_equal(found, 0.0), pc.less(found, _DOUBLE_LIMIT))
            self._mark(pc.invert(pc.fill_null(sound, True)))
        return found

    def lists(self, key: str, reader: Reader) -> Any:
        """Arrays of strings; null where absent."""
        if key not in self._code_of and not any(key in resource for resource in self._resources):
            return None
        found: list[Any] = [None] * self._count
        for number, resource in enumerate(self._resources):
            value = self._of_resource(resource, key, reader, number)
            if value is not None:
                for span in np.flatnonzero(self._resource_of == number):
                    found[span] = value
        for place in np.flatnonzero(self._codes == self._code_of.get(key, -1)):
            span = self._span_of[place]
            data = self._arrays[place].as_py()
            if data is None:
                self.odd[span] = True
            else:
                values = ArrayValue.FromString(data).values
                found[span] = [item.string_value for item in values if item.HasField("string_value")]
        return pa.array(found, pa.list_(pa.string()))

    def _scattered(self, key: str, values: Any, reader: Reader, kind: Any) -> Any:
        """One value a span, its own or its resource's; None where no span has any."""
        own = self._own(key, values)
        inherited = [self._of_resource(resource, key, reader, n) for n, resource in enumerate(self._resources)]
        if all(value is None for value in inherited):
            return own
        spread = pa.array(inherited, kind).take(pa.array(self._resource_of))
        return spread if own is None else pc.coalesce(own, spread)

    def _own(self, key: str, values: Any) -> Any:
        code = self._code_of.get(key)
        if code is None:
            return None
        places = np.flatnonzero(self._codes == code)
        found = values.take(pa.array(places))
        spans = self._span_of[places]
        if found.null_count:
            self.odd[spans[found.is_null().to_numpy(zero_copy_only=False)]] = True
        if len(places) == self._count and (spans == np.arange(self._count)).all():
            return found
        # Of a key that a span has twice the last value stays, as in a dictionary.
        place_of = np.full(self._count, -1)
        place_of[spans] = np.arange(len(places))
        return found.take(pa.array(place_of, mask=place_of < 0))

    def _of_resource(self, resource: Attributes, key: str, reader: Reader, number: int) -> AttributeValue:
        if key not in resource:
            return None
        try:
            return reader(resource, key)
        except RejectedError:
            self.odd |= self._resource_of == number
            return None

    def _mark(self, spans: Any) -> bool:
        odd = spans.to_numpy(zero_copy_only=False)
        self.odd |= odd
        return bool(odd.any())


def _without_empty(strings: Any) -> Any:
    empty = pc.equal(strings, "")
    return pc.if_else(pc.fill_null(empty, False), None, strings) if pc.any(empty).as_py() else strings
