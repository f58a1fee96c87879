"""Tokens: random, shown once, kept as a digest.

A token has 256 random bits, so nobody can guess one from its digest, and a plain SHA-256 is enough: slow password
hashes exist for secrets that people choose (OWASP Password Storage Cheat Sheet, "Background"). `mksp_` in front lets
secret scanners recognise one; the id after it says which one it is without telling it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Final

PREFIX: Final = "mksp_"
_SHAPE = re.compile(rf"{PREFIX}([0-9a-f]{{8}})_([A-Za-z0-9_-]{{43}})")
_ID = re.compile(r"[0-9a-f]{8}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 200
_LAST_NS = 253_402_300_800_000_000_000
"""The end of the year 9999."""


class Scope(StrEnum):
    """What a token lets its holder do; `admin` includes the others."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a request may do.

    Attributes:
        scopes: Those of its token; all for a request that needs none.
        projects: Patterns of repositories (`octo/*`) it is bound to; empty for all.
        token_id: None without a token.
    """

    scopes: frozenset[Scope]
    projects: tuple[str, ...] = ()
    token_id: str | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether it may do what needs this scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def covers(self, repository: str) -> bool:
        """Whether it may do it to this repository; `*` in a pattern stands for slashes too."""
        return not self.projects or any(fnmatchcase(repository, pattern) for pattern in self.projects)


EVERYTHING: Final = Grant(frozenset(Scope))


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept.

    Attributes:
        token_id: 8 hexadecimal digits.
        name: What a person called it.
        digest: SHA-256 of the whole token, in hexadecimal.
        created_ns: When it was made.
        expires_ns: When it ends; None for never.

    Raises:
        ValueError: A part of it cannot be.
    """

    token_id: str
    name: str
    digest: str
    scopes: frozenset[Scope]
    projects: tuple[str, ...]
    created_ns: int
    expires_ns: int | None = None

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.token_id) or not _DIGEST.fullmatch(self.digest):
            raise ValueError("a token's id is 8 hexadecimal digits and its digest 64")
        if not self.scopes:
            raise ValueError("a token needs a scope")
        for text in (self.name, *self.projects):
            if not text or len(text) > _LONGEST_NAME or not text.isprintable():
                raise ValueError(f"a name or pattern has 1 to {_LONGEST_NAME} printable characters, unlike {text!r}")
        if not all(0 <= time_ns < _LAST_NS for time_ns in (self.created_ns, self.expires_ns or 0)):
            raise ValueError("a token's times lie between the years 1970 and 9999")

    def is_expired(self, now_ns: int) -> bool:
        """Whether its time is over."""
        return self.expires_ns is not None and now_ns >= self.expires_ns

    @property
    def grant(self) -> Grant:
        """What it lets its holder do."""
        return Grant(self.scopes, self.projects, self.token_id)


def new_token(
    name: str, scopes: Collection[Scope], projects: Collection[str], *, now_ns: int, expires_ns: int | None
) -> tuple[str, Token]:
    """Make a token: the text to give away, which is kept nowhere, and what to keep.

    Raises:
        ValueError: As `Token`.
    """
    token_id = secrets.token_hex(4)
    text = f"{PREFIX}{token_id}_{secrets.token_urlsafe(32)}"
    return text, Token(token_id, name, _digest(text), frozenset(scopes), tuple(projects), now_ns, expires_ns)


def id_of(text: str) -> str | None:
    """The id in a token's text; None when it has not the shape of one."""
    match = _SHAPE.fullmatch(text)
    return match[1] if match else None


def is_text_of(text: str, token: Token) -> bool:
    """Whether the text is this token's, in a time that does not depend on how much of it is right."""
    return hmac.compare_digest(_digest(text), token.digest)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
