"""What an API answered, or why it did not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from requests.utils import parse_header_links

_MOST_BYTES = 64 * 1024 * 1024
"""A page of 100 runs is under two megabytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        content: The decoded JSON; None for 304 (nothing has changed since the ETag).
        etag: Of this content.
        next_query: The query of the next page; None at the end.
    """

    content: Any
    etag: str | None = None
    next_query: Mapping[str, str] | None = None

    @property
    def is_unchanged(self) -> bool:
        """Whether the API says that nothing has changed since the ETag."""
        return self.content is None


class RateLimitedError(Exception):
    """The API wants to be asked again later.

    Attributes:
        wait_s: How much later; None where it does not say.
    """

    def __init__(self, wait_s: float | None) -> None:
        super().__init__("rate limit")
        self.wait_s = wait_s


class PassingError(Exception):
    """What may be gone when one asks again: a server's error, no connection, an answer that was cut off."""


class AnswerTooLargeError(Exception):
    """An answer of a size that no page of any API has."""


class ApiClient(Protocol):
    """Asks one API once."""

    def get(self, path: str, query: Mapping[str, str], etag: str | None = None) -> Answer:
        """Ask for a resource.

        Args:
            path: Below the API's base.
            query: Its query.
            etag: Of the content that is known already.

        Raises:
            RateLimitedError: Later.
            PassingError: Perhaps later.
            MakespanError: Never: no such thing, not allowed, not an API.
        """

    def close(self) -> None:
        """Give the connections back."""


def decode_answer(chunks: Iterable[bytes], headers: Mapping[str, str], what: str) -> Answer:
    """Read an answer that is to hold JSON.

    Only the query of a next link is taken, for it is our own base URL that has the token: a link to another host
    (or a proxy's idea of its own name) must not lead us there.

    Args:
        chunks: The body, decompressed.
        headers: With names in lower case.
        what: The place asked, for the message.

    Raises:
        PassingError: It was cut off, or is not JSON after all.
        AnswerTooLargeError: It does not end.
    """
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > _MOST_BYTES:
            raise AnswerTooLargeError(f"{what} answered more than {_MOST_BYTES} bytes")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PassingError(f"{what} answered what is not JSON, or only a part of it ({len(body)} bytes)") from error
    return Answer(content, headers.get("etag"), _next_query(headers.get("link", "")))


def _next_query(link: str) -> Mapping[str, str] | None:
    for found in parse_header_links(link):
        if found.get("rel") == "next":
            return dict(parse_qsl(urlsplit(found.get("url", "")).query, keep_blank_values=True)) or None
    return None
