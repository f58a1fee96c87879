from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.access.guard import AccessError, Guard, is_loopback, networks
from makespan_collector.access.tokens import EVERYTHING, Grant, Scope, new_token
from makespan_model.errors import UsageError

TEXT, TOKEN = new_token("ci", [Scope.INGEST], ["octo/*"], now_ns=0, expires_ns=100)
ADMIN_TEXT, ADMIN = new_token("me", [Scope.ADMIN], [], now_ns=0, expires_ns=None)
TOKENS = {TOKEN.token_id: TOKEN, ADMIN.token_id: ADMIN}
FAR = "203.0.113.7"


def _ask(
    authorization: str | None,
    *,
    peer: str = FAR,
    scope: Scope = Scope.INGEST,
    headers: Mapping[str, str] | None = None,
    now_ns: int = 50,
    anonymous: bool = True,
) -> Grant:
    guard = Guard(lambda: TOKENS, anonymous_on_loopback=anonymous, clock_ns=lambda: now_ns)
    return guard.grant(scope, authorization, peer, headers or {})


def test_a_token_grants_its_scopes_for_its_projects() -> None:
    grant = _ask(f"Bearer {TEXT}")

    assert grant == TOKEN.grant
    assert grant.covers("octo/app")
    assert not grant.covers("other/app")


def test_basic_authorization_carries_the_token_as_password() -> None:
    assert _ask("Basic " + base64.b64encode(f"agent:{TEXT}".encode()).decode()) == TOKEN.grant


def test_admin_includes_every_scope() -> None:
    assert all(_ask(f"Bearer {ADMIN_TEXT}", scope=scope).allows(scope) for scope in Scope)


def test_a_scope_the_token_lacks_is_forbidden() -> None:
    with pytest.raises(AccessError, match="lacks the scope read") as refused:
        _ask(f"Bearer {TEXT}", scope=Scope.READ)
    assert refused.value.is_known


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TEXT[:-1]}x",
        f"Bearer {TEXT}x",
        f"Bearer mksp_00000000_{TEXT[14:]}",
        f"Token {TEXT}",
        "Basic ***",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Bearer " + "x" * 1_000_000,
        "Bearer é",
        f"Bearer {TEXT}\nX-Other: 1",
    ],
    ids=map(str, itertools.count()),  # The token is another each time.
)
def test_anything_else_is_not_known(authorization: str | None) -> None:
    with pytest.raises(AccessError) as refused:
        _ask(authorization)
    assert not refused.value.is_known
    assert TEXT not in str(refused.value)


def test_an_expired_token_is_not_known_any_more() -> None:
    with pytest.raises(AccessError, match="expired"):
        _ask(f"Bearer {TEXT}", now_ns=100)


def test_this_machine_needs_no_token_unless_one_is_asked_for() -> None:
    assert _ask(None, peer="127.0.0.1") == EVERYTHING
    with pytest.raises(AccessError):
        _ask(None, peer="127.0.0.1", anonymous=False)


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_what_a_proxy_on_this_machine_passes_on_is_not_from_this_machine(header: str) -> None:
    with pytest.raises(AccessError):
        _ask(None, peer="127.0.0.1", headers={header: "127.0.0.1"})


@pytest.mark.parametrize("trusted", [(), ("127.0.0.1",)])
def test_not_even_a_trusted_proxy_passes_on_what_needs_no_token(trusted: tuple[str, ...]) -> None:
    guard = Guard(lambda: TOKENS, trusted_proxies=networks(trusted))
    with pytest.raises(AccessError):
        guard.grant(Scope.READ, None, "127.0.0.1", {"x-forwarded-for": "127.0.0.1"})


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:4318"},
        {"host": "127.0.0.1.evil.example:4318"},
        {"host": "127.0.0.1%.evil.example"},
        {"host": "[::1%.evil.example]"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_a_page_of_another_site_in_a_browser_here_is_not_from_this_machine(headers: dict[str, str]) -> None:
    with pytest.raises(AccessError):
        _ask(None, peer="127.0.0.1", headers=headers)
    assert _ask(f"Bearer {TEXT}", peer="127.0.0.1", headers=headers) == TOKEN.grant


@pytest.mark.parametrize(
    "host", ["", "localhost", "localhost:4318", "127.0.0.1:4318", "127.0.0.1", "[::1]:4318", "[::1]", "build-7:4318"]
)
def test_a_program_here_is_from_this_machine_whatever_it_calls_it(host: str) -> None:
    assert _ask(None, peer="127.0.0.1", headers={"host": host, "sec-fetch-site": "none"}) == EVERYTHING


@pytest.mark.parametrize(
    ("trusted", "peer", "chain", "client"),
    [
        ((), "10.0.0.1", "1.2.3.4", "10.0.0.1"),
        (("10.0.0.1",), "10.0.0.1", "1.2.3.4", "1.2.3.4"),
        (("10.0.0.1",), "10.0.0.2", "1.2.3.4", "10.0.0.2"),
        (("10.0.0.0/8",), "10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.9", "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", "10.0.0.7", "10.0.0.7"),
        (("10.0.0.0/8",), "10.0.0.1", "1.2.3.4, <script>", "10.0.0.1"),
        (("10.0.0.0/8",), "::ffff:10.0.0.1", "", "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", ",".join(["10.0.0.1"] * 10_000), "10.0.0.1"),
        ((), None, "", ""),
        ((), "unix", "", ""),
    ],
)
def test_a_client_is_the_first_address_from_the_right_that_is_no_trusted_proxy(
    trusted: tuple[str, ...], peer: str | None, chain: str, client: str
) -> None:
    guard = Guard(lambda: TOKENS, trusted_proxies=networks(trusted))
    assert guard.client(peer, {"x-forwarded-for": chain} if chain else {}) == client


@given(st.text())
def test_no_forwarded_text_gets_into_the_name_of_a_client(text: str) -> None:
    client = Guard(dict, trusted_proxies=networks(["0.0.0.0/0"])).client("10.0.0.1", {"x-forwarded-for": text})
    assert set(client) <= set("0123456789abcdef.:")


def test_a_trusted_proxy_that_is_no_network_is_refused() -> None:
    with pytest.raises(UsageError, match=r"trusted_proxies.*10\.0\.0\.1/8 has host bits"):
        networks(["10.0.0.1/8"])


def test_a_right_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    def compare(left: str, right: str) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr("hmac.compare_digest", compare)
    _ask(f"Bearer {TEXT}")
    with pytest.raises(AccessError):
        _ask(f"Bearer {TEXT[:-1]}{'a' if TEXT[-1] != 'a' else 'b'}")

    assert [len(right) for _, right in compared] == [64, 64]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "::1%lo"])
def test_addresses_of_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", [None, "", "10.0.0.1", "::ffff:10.0.0.1", "localhost", "127.0.0.1.example.org"])
def test_other_addresses(address: str | None) -> None:
    assert not is_loopback(address)


@given(st.text(max_size=80))
def test_no_text_but_the_token_is_taken(text: str) -> None:
    with pytest.raises(AccessError):
        _ask(f"Bearer {text}")
