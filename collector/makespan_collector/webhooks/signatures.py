"""Whether a webhook comes from whom it says, compared in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

_TOLERANCE_S = 300
"""Standard Webhooks, "Verifying webhook authenticity": a signed time this far off is refused."""
_MOST_SIGNATURES = 10


def is_signed_by_github(body: bytes, signature: str, secrets: Iterable[bytes]) -> bool:
    """Whether a signature (`X-Hub-Signature-256`) is the HMAC of the raw body with one of the secrets.

    Source: GitHub Docs, "Validating webhook deliveries".
    """
    return _fits_any(signature, (f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}" for secret in secrets))


def is_gitlab_token(token: str, tokens: Iterable[bytes]) -> bool:
    """Whether a token (`X-Gitlab-Token`) is one of those known (GitLab Docs, "Webhooks", secret token)."""
    # Digests have one length, so the time says nothing of the token's own.
    given = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
    return _fits_any(given, (hashlib.sha256(known).hexdigest() for known in tokens))


def is_signed_by_gitlab(
    body: bytes, delivery: str, stamp: str, signatures: str, keys: Iterable[bytes], *, now_s: float
) -> bool:
    """Whether one of the signatures is the HMAC of id, time and body with one of the keys, and the time is now.

    Source: GitLab Docs, "Webhooks", signing token; Standard Webhooks, "Signature scheme" (`v1`).

    Args:
        body: The raw body.
        delivery: `webhook-id`.
        stamp: `webhook-timestamp`, in Unix seconds.
        signatures: `webhook-signature`, several with spaces between them.
        keys: Those known.
        now_s: Unix time.
    """
    if not (stamp.isdecimal() and len(stamp) < 16) or abs(now_s - int(stamp)) > _TOLERANCE_S:
        return False
    signed = f"{delivery}.{stamp}.".encode("utf-8", "surrogateescape") + body
    wanted = ["v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii") for key in keys]
    given = signatures.split(" ")[:_MOST_SIGNATURES]
    return any([_fits_any(signature, wanted) for signature in given])  # noqa: C419 - all of them, in constant time


def _fits_any(given: str, wanted: Iterable[str]) -> bool:
    known = given.encode("utf-8", "surrogateescape")
    return any([hmac.compare_digest(known, value.encode()) for value in wanted])  # noqa: C419
