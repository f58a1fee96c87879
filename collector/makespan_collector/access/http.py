"""The guard before HTTP requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import g, request

from makespan_collector.access.guard import DECIDING_HEADERS, AccessError, Guard
from makespan_collector.access.tokens import Grant, Scope

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

CHALLENGE: Final = 'Bearer realm="makespan", Basic realm="makespan"'
"""`WWW-Authenticate` of a 401 (RFC 9110, section 11.6.1)."""
CLIENT_KEY: Final = "makespan.client"
TOKEN_ID_KEY: Final = "makespan.token_id"  # noqa: S105 - a key's name
"""What of a request's origin is left in its WSGI environment, for logs."""
_ENVIRON_KEYS: Final = {f"HTTP_{name.upper().replace('-', '_')}": name for name in DECIDING_HEADERS}


def granted(guard: Guard, scope: Scope) -> Grant:
    """What the current request of Flask may do; also in `flask.g.grant` from then on.

    Raises:
        AccessError: It may not do what needs this scope.
    """
    grant = granted_to(request.environ, guard, scope)
    g.grant = grant
    return grant


def granted_to(environ: WSGIEnvironment, guard: Guard, scope: Scope) -> Grant:
    """What a request may do, by its WSGI environment, in which its origin is left for logs.

    Raises:
        AccessError: It may not do what needs this scope.
    """
    headers = {name: environ[key] for key, name in _ENVIRON_KEYS.items() if key in environ}
    peer = environ.get("REMOTE_ADDR")
    environ[CLIENT_KEY] = guard.client(peer, headers)
    try:
        grant = guard.grant(scope, environ.get("HTTP_AUTHORIZATION"), peer, headers)
    except AccessError as error:
        environ[TOKEN_ID_KEY] = error.token_id
        raise
    environ[TOKEN_ID_KEY] = grant.token_id
    return grant


def client_of(environ: WSGIEnvironment, grant: Grant) -> str:
    """Whom limits count a request for: its token, else its address."""
    return grant.token_id or str(environ[CLIENT_KEY])
