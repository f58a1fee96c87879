"""JSON of a provider, read with suspicion: every value is checked where it is used, and told with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_LONGEST_TEXT = 4_096
"""Names beyond this are cut; GitHub and GitLab allow 255 characters."""
_MOST_ITEMS = 1_000
"""Of a list that is kept whole, such as labels: more is an attack."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 1971, 2261
"""GitHub writes 0001-01-01 for "never"; a signed 64-bit integer of nanoseconds ends in 2262."""
_INT64_MAX = 2**63 - 1


class PayloadError(ValueError):
    """A value that cannot be what it should be; the message begins with its place."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A JSON object and where it stands.

    Attributes:
        values: As they came.
        place: What leads to it, such as `run 7: jobs[2]`.
    """

    values: Mapping[str, Any]
    place: str

    def text(self, key: str) -> str | None:
        """A text; None when absent, null or empty.

        Control characters and lone surrogates become U+FFFD: they could forge an identity or break the store.

        Raises:
            PayloadError: It is there and of another kind. The same holds for the methods below.
        """
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            return clean_text(value) if value else None
        raise self._error(key, "a text", value)

    def required_text(self, key: str) -> str:
        """A text that must be there."""
        value = self.text(key)
        if value is None:
            raise PayloadError(f"{self.place}: it lacks {key}")
        return value

    def whole(self, key: str) -> int | None:
        """A whole number from 0 up; None when absent or null."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _INT64_MAX:
            raise self._error(key, "a whole number from 0 up", value)
        return value

    def required_whole(self, key: str) -> int:
        """A whole number that must be there."""
        value = self.whole(key)
        if value is None:
            raise PayloadError(f"{self.place}: it lacks {key}")
        return value

    def seconds(self, key: str) -> float | None:
        """A duration; None when absent, null or negative (clocks of two machines make such)."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 < value < 1e9:
            raise self._error(key, "a number of seconds", value)
        return float(value) if value >= 0 else None

    def instant_ns(self, key: str) -> int | None:
        """An ISO 8601 time in Unix nanoseconds; None when absent, null, or the year 1 that stands for never."""
        value = self.values.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self._error(key, "a time in ISO 8601", value)
        try:
            return instant_ns(value)
        except ValueError:
            raise self._error(key, "a time in ISO 8601", value) from None

    def url(self, key: str) -> str | None:
        """An http or https URL; None for anything else, which nobody should be led to."""
        value = self.values.get(key)
        if not isinstance(value, str) or not value.startswith(("https://", "http://")):
            return None
        return clean_text(value)

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts; None when absent or null."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) > _MOST_ITEMS or not all(isinstance(item, str) for item in value):
            raise self._error(key, f"a list of at most {_MOST_ITEMS} texts", value)
        return tuple(map(clean_text, value))

    def part(self, key: str) -> Payload:
        """An object within; an empty one when absent or null."""
        value = self.values.get(key)
        if value is None:
            return Payload({}, f"{self.place}.{key}")
        return payload_of(value, f"{self.place}.{key}")

    def parts(self, key: str) -> Iterator[Payload]:
        """The objects of a list; none when absent or null."""
        value = self.values.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            raise self._error(key, "a list", value)
        for number, item in enumerate(value):
            yield payload_of(item, f"{self.place}.{key}[{number}]")

    def _error(self, key: str, wanted: str, value: object) -> PayloadError:
        return PayloadError(f"{self.place}: {key} must be {wanted}, not {_shown(value)}")


def payload_of(value: object, place: str) -> Payload:
    """A JSON value that must be an object.

    Raises:
        PayloadError: It is none.
    """
    if not isinstance(value, dict):
        raise PayloadError(f"{place} must be an object, not {_shown(value)}")
    return Payload(value, place)


def instant_ns(text: str) -> int | None:
    """An ISO 8601 time in Unix nanoseconds; without an offset it is UTC. None for years that mean "never".

    Raises:
        ValueError: It is no such time, or beyond the year 2261.
    """
    # GitLab's older webhooks write `2021-02-23 02:41:37 UTC`.
    moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment.year < _FIRST_YEAR:
        return None
    if moment.year > _LAST_YEAR:
        raise ValueError(text)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def clean_text(text: str) -> str:
    """The text with neither control characters nor lone surrogates, at most 4,096 characters long."""
    if text.isascii() and text.isprintable() and len(text) <= _LONGEST_TEXT:
        return text
    kept = text[:_LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
    return "".join("\N{REPLACEMENT CHARACTER}" if ord(letter) < 32 or ord(letter) == 127 else letter for letter in kept)


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, list | dict) else f"a {type(value).__name__} of {len(value)}"
    return text if len(text) <= 80 else f"{text[:77]}..."
