"""The secrets that webhooks are checked with, from the environment."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from makespan_model.errors import InputError, UsageError

GITHUB_VARIABLE = "MAKESPAN_GITHUB_WEBHOOK_SECRET"
GITLAB_VARIABLE = "MAKESPAN_GITLAB_WEBHOOK_TOKEN"
GITLAB_SIGNING_VARIABLE = "MAKESPAN_GITLAB_WEBHOOK_SIGNING_TOKEN"
_FILE = "_FILE"
_SIGNING_PREFIX = "whsec_"
_LEAST_BYTES = 8
"""A shorter secret is a slip, such as a variable that was not filled in; it would be guessed."""


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """What a sender must know.

    Attributes:
        github: Keys of `X-Hub-Signature-256`. Any one fits, so that a secret can be changed without a gap.
        gitlab: Values of `X-Gitlab-Token`.
        gitlab_signing: Keys of `webhook-signature`.
    """

    github: tuple[bytes, ...] = field(default=(), repr=False)
    gitlab: tuple[bytes, ...] = field(default=(), repr=False)
    gitlab_signing: tuple[bytes, ...] = field(default=(), repr=False)


def secrets_of(environment: Mapping[str, str]) -> WebhookSecrets:
    """The secrets of an environment: each variable, or the file that it names with `_FILE` behind it.

    Several secrets stand on lines of their own; a secret may hold spaces.

    Raises:
        InputError: A file cannot be read.
        UsageError: A secret is too short, or a signing token is not `whsec_` and base64.
    """
    signing = _read(environment, GITLAB_SIGNING_VARIABLE)
    return WebhookSecrets(
        github=tuple(secret.encode() for secret in _read(environment, GITHUB_VARIABLE)),
        gitlab=tuple(secret.encode() for secret in _read(environment, GITLAB_VARIABLE)),
        gitlab_signing=tuple(map(_signing_key, signing)),
    )


def _read(environment: Mapping[str, str], variable: str) -> list[str]:
    text = environment.get(variable, "")
    path = environment.get(variable + _FILE, "")
    if not text and path:
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{variable}{_FILE}: {path}: {error}") from error
    secrets = [line.strip() for line in text.splitlines() if line.strip()]
    if any(len(secret.encode("utf-8", "surrogateescape")) < _LEAST_BYTES for secret in secrets):
        raise UsageError(f"{variable}: a secret has at least {_LEAST_BYTES} characters")
    return secrets


def _signing_key(text: str) -> bytes:
    """Standard Webhooks, "Signature scheme": the key is what follows `whsec_`, decoded."""
    try:
        if text.startswith(_SIGNING_PREFIX):
            return base64.b64decode(text.removeprefix(_SIGNING_PREFIX), validate=True)
    except binascii.Error:
        pass
    raise UsageError(f"{GITLAB_SIGNING_VARIABLE}: a signing token is whsec_ and base64, as GitLab shows it")
