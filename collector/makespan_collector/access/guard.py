"""Decides what a request may do, from its token and from where it comes."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from makespan_collector.access.tokens import EVERYTHING, Grant, Scope, Token, id_of, is_text_of

_LONGEST_HEADER = 4_096
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


class AccessError(Exception):
    """A request that may not do what it asks for.

    Attributes:
        is_known: Whether it has shown who it is: it may not (403), instead of must say who it is (401).
    """

    def __init__(self, message: str, *, is_known: bool) -> None:
        super().__init__(message)
        self.is_known = is_known


@dataclass(frozen=True, slots=True)
class Guard:
    """Knows the tokens.

    Attributes:
        tokens: Gives the tokens by their id, as they are now.
        anonymous_on_loopback: Whether a request from this very machine needs no token.
        clock_ns: Unix time.
    """

    tokens: Callable[[], Mapping[str, Token]]
    anonymous_on_loopback: bool = True
    clock_ns: Callable[[], int] = time.time_ns

    def grant(self, scope: Scope, authorization: str | None, peer: str | None, headers: Mapping[str, str]) -> Grant:
        """What a request may do, given that it needs this scope.

        Args:
            scope: What it needs.
            authorization: Its `Authorization` header: `Bearer TOKEN`, or `Basic` with the token as password.
            peer: The address at the other end of its connection.
            headers: All its headers. One that a proxy adds means that the peer is not where it comes from.

        Raises:
            AccessError: It may not.
        """
        if authorization is None:
            forwarded = any(name in headers or name.lower() in headers for name in _FORWARDED)
            if self.anonymous_on_loopback and not forwarded and is_loopback(peer):
                return EVERYTHING
            raise AccessError("a token is needed: send `Authorization: Bearer mksp_…`", is_known=False)
        grant = self._grant_of(authorization)
        if not grant.allows(scope):
            raise AccessError(f"the token {grant.token_id} lacks the scope {scope}", is_known=True)
        return grant

    def _grant_of(self, authorization: str) -> Grant:
        text = _token_text(authorization)
        token_id = id_of(text)
        token = None if token_id is None else self.tokens().get(token_id)
        if token is None or not is_text_of(text, token):
            raise AccessError("the token is not one of this collector, or was revoked", is_known=False)
        if token.is_expired(self.clock_ns()):
            raise AccessError(f"the token {token.token_id} has expired; make a new one", is_known=False)
        return token.grant


def is_loopback(peer: str | None) -> bool:
    """Whether an address is one of this very machine's own."""
    try:
        address = ipaddress.ip_address((peer or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _token_text(authorization: str) -> str:
    kind, _, rest = authorization.partition(" ")
    rest = rest.strip()
    if len(rest) <= _LONGEST_HEADER and rest.isascii():
        if kind.lower() == "bearer":
            return rest
        if kind.lower() == "basic":
            try:
                return base64.b64decode(rest, validate=True).decode("ascii").partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                pass
    raise AccessError("Authorization must be `Bearer TOKEN`, or `Basic` with the token as password", is_known=False)
