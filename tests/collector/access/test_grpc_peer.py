from __future__ import annotations

import pytest

from makespan_collector.access.grpc_peer import peer_address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[::ffff:10.0.0.1]:5000", "::ffff:10.0.0.1"),
        ("unix:/tmp/socket", ""),
        ("unix:127.0.0.1:5000", ""),
        ("", ""),
    ],
)
def test_the_address_of_a_peer_is_that_of_an_internet_connection(peer: str, address: str) -> None:
    assert peer_address(peer) == address
