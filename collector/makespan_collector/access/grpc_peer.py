"""Where a gRPC call comes from."""

from __future__ import annotations

from urllib.parse import unquote


def peer_address(peer: str) -> str:
    """The address in a gRPC peer, `ipv4:127.0.0.1:5000` or `ipv6:%5B::1%5D:5000`; empty for any other kind.

    The forms are those of gRPC's "Name Resolution" document (doc/naming.md).
    """
    kind, _, place = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return ""
    return unquote(place).rpartition(":")[0].strip("[]")
