"""Which server a history is on, and how long it is waited for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from urllib3.util import make_headers

from makespan_model.errors import InputError


@dataclass(frozen=True, slots=True)
class Target:
    """Which server and what in it.

    Attributes:
        url: Base URL.
        database: Database of 1.x; in 2.x the buckets `database/history` and `database/samples`.
        org: Organisation of 2.x.
        username: Of 1.x.
        secret: Token, or password of 1.x; never shown.
    """

    url: str
    database: str = "makespan"
    org: str = "-"
    username: str = ""
    secret: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InputError(f"an InfluxDB URL is http://HOST:PORT, not {self.url!r}")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.database):
            raise InputError(f"a database is named by letters, digits and underscores, not {self.database!r}")

    @property
    def authorization(self) -> dict[str, str]:
        """Headers that say who asks: servers before 1.8 know users and passwords alone."""
        if self.username:
            return make_headers(basic_auth=f"{self.username}:{self.secret}")
        return {"Authorization": f"Token {self.secret}"} if self.secret else {}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for, in seconds.

    Attributes:
        write_s: For the answer to each try of a write: the sender waits for it too, usually 10 s.
        read_s: For the first part of an answer, and between two.
    """

    write_s: float = 5.0
    read_s: float = 60.0
