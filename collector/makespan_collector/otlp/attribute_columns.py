"""Attributes of many spans as columns: one array operation a key instead of one dictionary a span.

What the row decoder would read differently or reject (a value of another type, out of range) is not decided here:
its span is marked as odd, and the caller gives it to the row decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache, cached_property
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
            self._mark_unless(pc.is_in(found, value_set=_word_set(tuple(allowed))))
        return found

    def wholes(self, key: str, reader: Reader, kind: Any, maximum: int) -> Any:
        """Integers from 0 to `maximum`; null where absent."""
        found = self._scattered(key, self._integers, reader, pa.int64())
        if found is None:
            return None
        ends = pc.min_max(found).as_py()
        if ends["min"] is not None and (ends["min"] < 0 or ends["max"] > maximum):
            sound = pc.and_(pc.greater_equal(found, 0), pc.less_equal(found, maximum))
            self._mark_unless(pc.fill_null(sound, True))
            found = pc.if_else(sound, found, None)
        return found if found.type == kind else found.cast(kind)

    def amounts(self, key: str, reader: Reader) -> Any:
        """Finite numbers of 0 or more; null where absent."""
        found = self._scattered(key, self._numbers, reader, pa.float64())
        if found is not None:
            self._mark_unless(pc.fill_null(pc.and_(pc.greater_equal(found, 0.0), pc.less(found, _DOUBLE_LIMIT)), True))
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

    @cached_property
    def _numbers(self) -> Any:
        return pc.coalesce(self._doubles, self._integers.cast(pa.float64(), safe=False))

    def _scattered(self, key: str, values: Any, reader: Reader, kind: Any) -> Any:
        """One value a span, its own or its resource's; None where no span has any."""
        own = self._own(key, values)
        if (own is not None and not own.null_count) or not any(key in resource for resource in self._resources):
            return own
        inherited = [self._of_resource(resource, key, reader, n) for n, resource in enumerate(self._resources)]
        if len(inherited) == 1:
            spread = pa.repeat(pa.scalar(inherited[0], kind), self._count)
        else:
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

    def _mark_unless(self, sound: Any) -> None:
        if not pc.all(sound).as_py():
            self.odd |= ~sound.to_numpy(zero_copy_only=False)


@cache
def _word_set(words: tuple[str, ...]) -> Any:
    return pa.array([*words, None], pa.string())


def _without_empty(strings: Any) -> Any:
    if len(strings) and not strings.null_count:
        ends = np.frombuffer(strings.buffers()[1], np.int32, len(strings) + strings.offset + 1)[strings.offset :]
        if (ends[1:] > ends[:-1]).all():
            return strings
    return pc.if_else(pc.equal(strings, ""), None, strings)
