from __future__ import annotations

import threading
from pathlib import Path

import pytest

from makespan_collector.access.token_file import LiveTokens, change_tokens, read_tokens
from makespan_collector.access.tokens import Scope, Token, new_token
from makespan_model.errors import InputError, UnavailableError


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


@pytest.mark.parametrize("content", ["", "{", "[]", '{"tokens": [{}]}', '{"tokens": 5}', "\udcff"])
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
