"""Decides what a request may do, from its token and from where it comes."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from makespan_collector.access.tokens import EVERYTHING, Grant, Scope, Token, id_of, is_text_of
from makespan_model.errors import UsageError

_LONGEST_HEADER = 4_096
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
DECIDING_HEADERS = (*_FORWARDED, "host", "origin", "sec-fetch-site")
"""The headers a decision depends on, besides `Authorization`; lower case."""
_SAME_SITE = ("same-origin", "none")
_LONGEST_ADDRESS = 64
# A connection's proxies beyond this many are somebody's joke.
_MOST_PROXIES = 32

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AccessError(Exception):
    """A request that may not do what it asks for.

    Attributes:
        is_known: Whether it has shown who it is: it may not (403), instead of must say who it is (401).
        token_id: Whose it is, where that is known.
    """

    def __init__(self, message: str, *, is_known: bool, token_id: str | None = None) -> None:
        super().__init__(message)
        self.is_known = is_known
        self.token_id = token_id


@dataclass(frozen=True, slots=True)
class Guard:
    """Knows the tokens.

    Attributes:
        tokens: Gives the tokens by their id, as they are now.
        anonymous_on_loopback: Whether a request from this very machine needs no token.
        trusted_proxies: Networks of proxies whose `X-Forwarded-For` is believed.
        clock_ns: Unix time.
    """

    tokens: Callable[[], Mapping[str, Token]]
    anonymous_on_loopback: bool = True
    trusted_proxies: tuple[Network, ...] = ()
    clock_ns: Callable[[], int] = time.time_ns

    def grant(self, scope: Scope, authorization: str | None, peer: str | None, headers: Mapping[str, str]) -> Grant:
        """What a request may do, given that it needs this scope.

        Args:
            scope: What it needs.
            authorization: Its `Authorization` header: `Bearer TOKEN`, or `Basic` with the token as password.
            peer: The address at the other end of its connection.
            headers: Those of `DECIDING_HEADERS` it has, by their name in lower case.

        Raises:
            AccessError: It may not.
        """
        if authorization is None:
            if self.anonymous_on_loopback and is_loopback(peer) and _is_from_here(headers):
                return EVERYTHING
            raise AccessError("a token is needed: send `Authorization: Bearer mksp_…`", is_known=False)
        grant = self._grant_of(authorization)
        if not grant.allows(scope):
            message = f"the token {grant.token_id} lacks the scope {scope}"
            raise AccessError(message, is_known=True, token_id=grant.token_id)
        return grant

    def client(self, peer: str | None, headers: Mapping[str, str]) -> str:
        """The address a request comes from, for limits and logs: that of the peer, or behind trusted proxies.

        Read from the right, as each proxy appends the address it was called from: the first one that is no
        trusted proxy is the client, whatever it wrote further to the left itself.
        """
        chain = headers.get("x-forwarded-for", "") if self.trusted_proxies else ""
        client = _address(peer)
        for part in reversed(chain.split(",")[-_MOST_PROXIES:]):
            before = _address(part.strip()[:_LONGEST_ADDRESS])
            if client is None or before is None or not self._trusts(client):
                break
            client = before
        return "" if client is None else str(client)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self.trusted_proxies)

    def _grant_of(self, authorization: str) -> Grant:
        text = _token_text(authorization)
        token_id = id_of(text)
        token = None if token_id is None else self.tokens().get(token_id)
        if token is None or not is_text_of(text, token):
            raise AccessError("the token is not one of this collector, or was revoked", is_known=False)
        if token.is_expired(self.clock_ns()):
            message = f"the token {token.token_id} has expired; make a new one"
            raise AccessError(message, is_known=False, token_id=token.token_id)
        return token.grant


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks (`10.0.0.1`, `10.0.0.0/8`, `fd00::/8`) as `Guard.trusted_proxies` has them.

    Raises:
        UsageError: One is none.
    """
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise UsageError(f"trusted_proxies: {error}") from error
    return tuple(found)


def is_loopback(peer: str | None) -> bool:
    """Whether an address is one of this very machine's own."""
    address = _address(peer)
    return address is not None and address.is_loopback


@lru_cache(maxsize=4_096)
def _address(text: str | None) -> _Address | None:
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_from_here(headers: Mapping[str, str]) -> bool:
    """Whether nothing says that a program on this machine asks for somebody else: a proxy, or a browser.

    A page of another site may send requests to a loopback address, and with a domain of its own that resolves to
    one (DNS rebinding) it may read the answers. `Origin` and `Sec-Fetch-Site` give the first away (Fetch standard,
    3.2; W3C Fetch Metadata), a `Host` that is a full domain name the second.
    """
    if any(name in headers for name in (*_FORWARDED, "origin")):
        return False
    if headers.get("sec-fetch-site", "none") not in _SAME_SITE:
        return False
    host = headers.get("host", "").strip().lower()
    name = host.partition("]")[0][1:] if host.startswith("[") else host.rpartition(":")[0] or host
    return "." not in name or ("%" not in name and _address(name[:_LONGEST_ADDRESS]) is not None)


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
