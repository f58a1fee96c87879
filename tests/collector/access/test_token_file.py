from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from makespan_collector.access.token_file import LiveTokens, change_tokens, create_token, read_tokens
from makespan_collector.access.tokens import Scope, Token, new_token
from makespan_model.errors import InputError, UnavailableError

ENTRY: dict[str, Any] = {
    "id": "0" * 8,
    "name": "ci",
    "sha256": "0" * 64,
    "scopes": ["read"],
    "projects": [],
    "created_ns": 1,
    "expires_ns": None,
}
WRONG: list[dict[str, Any]] = [
    {"id": "0"},
    {"name": ""},
    {"name": "a\nb"},
    {"sha256": "x" * 64},
    {"scopes": []},
    {"scopes": ["all"]},
    {"projects": [""]},
    {"created_ns": float("inf")},
    {"created_ns": -1},
    {"expires_ns": 10**30},
]


def _token(name: str = "ci") -> tuple[str, Token]:
    return new_token(name, [Scope.INGEST, Scope.READ], ["octo/*"], now_ns=1, expires_ns=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tokens.json"


def test_a_token_comes_back_and_its_text_is_nowhere(path: Path) -> None:
    text, token = _token()

    change_tokens(path, lambda tokens: (*tokens, token))

    assert read_tokens(path) == (token,)
    assert text.rpartition("_")[2] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_a_file_there_are_no_tokens(path: Path) -> None:
    assert read_tokens(path) == ()


def test_a_file_that_others_may_read_is_refused_with_what_to_do(path: Path) -> None:
    change_tokens(path, lambda tokens: tokens)
    path.chmod(0o644)

    with pytest.raises(InputError, match="chmod 600"):
        read_tokens(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"tokens": [{}]}',
        '{"tokens": 5}',
        "\udcff",
        "[" * 100_000,
        *(json.dumps({"tokens": [ENTRY | wrong]}) for wrong in WRONG),
        json.dumps({"tokens": [ENTRY, ENTRY]}),
    ],
)
def test_a_spoilt_file_is_refused(path: Path, content: str) -> None:
    change_tokens(path, lambda tokens: tokens)
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(InputError, match=r"tokens\.json"):
        read_tokens(path)


def test_tokens_made_at_once_are_all_kept(path: Path) -> None:
    def make(number: int) -> None:
        token = _token(str(number))[1]
        change_tokens(path, lambda tokens: (*tokens, token))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {token.name for token in read_tokens(path)} == {str(number) for number in range(8)}


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UnavailableError, match="cannot write"):
        change_tokens(tmp_path / "file" / "tokens.json", lambda tokens: tokens)


def test_a_change_is_noticed_after_a_second_and_a_spoilt_file_changes_nothing(path: Path) -> None:
    now_s = 0.0
    live = LiveTokens(path, lambda: now_s)
    token = _token()[1]
    change_tokens(path, lambda tokens: (*tokens, token))

    assert dict(live.by_id()) == {}
    now_s = 1.0
    assert dict(live.by_id()) == {token.token_id: token}

    path.write_text("{")
    now_s = 2.0
    assert dict(live.by_id()) == {token.token_id: token}

    path.unlink()
    now_s = 3.0
    assert dict(live.by_id()) == {}


def test_what_mends_a_file_is_noticed_too(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    now_s = 0.0
    live = LiveTokens(path, lambda: now_s)
    token = _token()[1]
    change_tokens(path, lambda tokens: (*tokens, token))
    path.chmod(0o644)

    for now_s in (1.0, 2.0, 3.0):  # noqa: B007 (the clock reads it)
        assert dict(live.by_id()) == {}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "chmod 600" in caplog.text

    path.chmod(0o600)
    now_s = 4.0
    assert dict(live.by_id()) == {token.token_id: token}


def test_the_entry_the_tests_spoil_is_a_good_one(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o600)
    path.write_text(json.dumps({"tokens": [ENTRY]}))

    assert [token.name for token in read_tokens(path)] == ["ci"]


def test_an_id_that_another_token_has_is_not_given_again(path: Path) -> None:
    first, second = _token("first"), _token("second")
    create_token(path, lambda: first)
    drawn = iter([first, first, second])

    assert create_token(path, lambda: next(drawn)) == second
    assert [token.name for token in read_tokens(path)] == ["first", "second"]


def test_what_a_killed_process_left_is_in_nobodys_way(path: Path) -> None:
    path.parent.mkdir()
    leftover = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    leftover.write_text("half of it")
    leftover.chmod(0o644)

    token = _token()
    create_token(path, lambda: token)

    assert read_tokens(path) == (token[1],)
    assert not leftover.exists()


def test_ten_thousand_tokens_are_read_and_found(path: Path) -> None:
    made = [_token(str(number)) for number in range(10_000)]
    distinct = {token.token_id: token for _, token in made}
    change_tokens(path, lambda _: tuple(distinct.values()))

    assert dict(LiveTokens(path).by_id()) == distinct


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(path: Path) -> None:
    path.parent.mkdir()
    os.chown(path.parent, 12345, 12345)

    token = _token()
    create_token(path, lambda: token)

    assert {entry.stat().st_uid for entry in path.parent.iterdir()} == {12345}
