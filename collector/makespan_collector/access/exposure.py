"""What a person should know who lets other machines reach a collector."""

from __future__ import annotations

from makespan_collector.access.guard import is_loopback


def exposure_warnings(host: str, *, has_tokens: bool, is_encrypted: bool) -> list[str]:
    """Warnings about an address to listen on; none for loopback.

    Args:
        host: The address that is bound.
        has_tokens: Whether anybody has a token yet.
        is_encrypted: Whether there is TLS, here or on a proxy.
    """
    if is_loopback(host):
        return []
    warnings = []
    if not has_tokens:
        warnings.append(
            f"listening on {host} without any token: requests from other machines are refused; "
            "`makespan token create NAME` makes one, and no restart is needed"
        )
    if not is_encrypted:
        warnings.append("tokens and data travel in the clear; use --tls-cert and --tls-key, or a proxy that speaks TLS")
    return warnings
