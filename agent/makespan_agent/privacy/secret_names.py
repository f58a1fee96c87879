"""Which names mean that their value is a secret: of variables, options, fields and headers."""

from __future__ import annotations

import re

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

MASK_VARIABLE = "MAKESPAN_MASK"
"""Names of further variables whose values are masked, separated by commas."""

_WORDS = (
    "access[_-]?key",
    "api[_-]?key",
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "dsn",
    "jwt",
    "key",
    "netrc",
    "passphrase",
    "passwd",
    "password",
    "pat",
    "private",
    "pwd",
    "secret",
    "session",
    "signature",
    "token",
    "webhook",
)
# The longest first: "authorization" is not "auth" with letters behind it.
_WORD = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)), re.IGNORECASE)

# Words that are part of everyday names ("path", "keyboard-layout", "author") count only as a whole segment.
_SHORT = frozenset({"auth", "bearer", "dsn", "jwt", "pat", "private", "pwd", "session", "signature"})
_NOT_SECRET = frozenset(
    {"PWD", "OLDPWD", "SSH_AUTH_SOCK", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "SHELL_SESSION_ID"}
)
"""Directories, sockets and ids that every shell or desktop sets: masking them would garble every path."""
_CI_SECRETS = frozenset(
    {
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "ACTIONS_RUNTIME_URL",
        "CI_REPOSITORY_URL",
        "DOCKER_AUTH_CONFIG",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        "SYSTEM_ACCESSTOKEN",
    }
)
"""Set by CI systems or exporters with credentials inside, under a name that does not say so."""


def is_secret_name(name: str) -> bool:
    """Whether a name of an option, a field or a header means a secret."""
    for match in _WORD.finditer(name):
        if match.group().lower() not in _SHORT:
            return True
        before, after = name[: match.start()][-1:], name[match.end() :][:1]
        if not before.isalpha() and not after.isalpha():
            return True
    return False


def secret_values(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables whose values must not be recorded, with those values."""
    named = {name.strip() for name in environment.get(MASK_VARIABLE, "").split(",")} | _CI_SECRETS
    return {
        name: value
        for name, value in environment.items()
        if value and (name in named or (name not in _NOT_SECRET and is_secret_name(name)))
    }
