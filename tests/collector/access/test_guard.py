from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.access.guard import AccessError, Guard, is_loopback
from makespan_collector.access.tokens import EVERYTHING, Grant, Scope, new_token

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


@pytest.mark.parametrize("header", ["X-Forwarded-For", "x-forwarded-for", "Forwarded", "X-Real-IP"])
def test_what_a_proxy_on_this_machine_passes_on_is_not_from_this_machine(header: str) -> None:
    with pytest.raises(AccessError):
        _ask(None, peer="127.0.0.1", headers={header: "127.0.0.1"})


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
