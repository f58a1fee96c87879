from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from makespan_collector.access.token_file import TOKEN_FILE
from makespan_model.errors import ExitCode
from support.serving import serving
from support.span_rows import step_request

DEADLINE_S = 30


def _command(store: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "makespan_cli.main", "token", *arguments, "--store", str(store)]


def _token(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(store, *arguments), capture_output=True, text=True, timeout=60)


def _made(store: Path, *arguments: str) -> dict[str, Any]:
    ended = _token(store, "create", *arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    made: dict[str, Any] = json.loads(ended.stdout)
    return made


def _status(url: str, authorization: str) -> int:
    headers = {"Content-Type": "application/x-protobuf", "Authorization": authorization}
    request = urllib.request.Request(f"{url}/v1/traces", step_request().SerializeToString(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def _reaches(url: str, authorization: str, status: int) -> bool:
    """A change of the tokens is taken up after a moment."""
    deadline = time.monotonic() + DEADLINE_S
    while (found := _status(url, authorization)) != status and time.monotonic() < deadline:
        time.sleep(0.1)
    return found == status


def test_a_token_is_shown_once_listed_without_its_text_and_revoked(tmp_path: Path) -> None:
    text = _token(tmp_path, "create", "ci", "--project", "octo/*", "--expires", "90d").stdout.strip()
    made = _made(tmp_path, "eyes [red]", "--scope", "read")

    listed = _token(tmp_path, "list")
    assert text.startswith("mksp_")
    assert [token["name"] for token in json.loads(_token(tmp_path, "list", "--json").stdout)] == ["ci", "eyes [red]"]
    assert "octo/*" in listed.stdout
    assert "eyes [red]" in listed.stdout
    for secret in (text, made["token"]):
        assert secret.rpartition("_")[2] not in listed.stdout + (tmp_path / TOKEN_FILE).read_text()

    assert _token(tmp_path, "revoke", made["id"]).returncode == 0
    again = _token(tmp_path, "revoke", made["id"])
    assert again.returncode == ExitCode.USAGE
    assert "makespan token list" in again.stderr
    assert "eyes" not in _token(tmp_path, "list").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a\nb"], "printable"),
        ([""], "printable"),
        (["a" * 201], "printable"),
        (["a", "--project", "\x1b[31m"], "printable"),
        (["a", "--expires", "0d"], "90d"),
        (["a", "--expires", "999999w"], "100 years"),
        (["a", "--expires", "٣d"], "90d"),
        (["a", "--scope", "root"], "invalid choice"),
    ],
)
def test_what_cannot_be_a_token_is_refused_and_leaves_none(tmp_path: Path, arguments: list[str], said: str) -> None:
    ended = _token(tmp_path, "create", *arguments)

    assert ended.returncode == ExitCode.USAGE
    assert said in ended.stderr
    assert json.loads(_token(tmp_path, "list", "--json").stdout) == []


def test_a_file_that_others_may_read_is_not_worked_with(tmp_path: Path) -> None:
    _made(tmp_path, "ci")
    (tmp_path / TOKEN_FILE).chmod(0o640)

    ended = _token(tmp_path, "list")

    assert ended.returncode == ExitCode.BAD_INPUT
    assert "chmod 600" in ended.stderr


def test_processes_that_make_tokens_at_once_lose_none(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(_command(tmp_path, "create", str(number)), stdout=subprocess.DEVNULL) for number in range(5)
    ]
    assert [process.wait(60) for process in running] == [0] * 5

    assert {token["name"] for token in json.loads(_token(tmp_path, "list", "--json").stdout)} == set("01234")


def test_a_running_collector_takes_up_new_and_revoked_tokens(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with serving(store, "--require-token") as served:
        assert served.post("/v1/traces", step_request().SerializeToString()) == 401
        made = _made(store, "ci")
        basic = "Basic " + base64.b64encode(f"any:{made['token']}".encode()).decode()

        assert _reaches(served.url, f"Bearer {made['token']}", 200)
        assert _status(served.url, basic) == 200

        _token(store, "revoke", made["id"])
        assert _reaches(served.url, f"Bearer {made['token']}", 401)


@pytest.mark.parametrize("authorization", ["Bearer " + "x" * 60_000, "Bearer é", "Bearer mksp_" + "0" * 8])
def test_a_strange_header_is_a_401(tmp_path: Path, authorization: str) -> None:
    with serving(tmp_path / "store", "--require-token") as served:
        assert _status(served.url, authorization) == 401


def _raw(url: str, *authorizations: str) -> bytes:
    """The first bytes of the answer to a request with these headers; empty when the connection was closed."""
    host, _, port = url.rpartition("//")[2].partition(":")
    headers = "".join(f"Authorization: {text}\r\n" for text in authorizations)
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        try:
            connection.sendall(f"GET /metrics HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode("latin-1"))
            return connection.recv(100)
        except ConnectionError:
            return b""


def test_headers_that_are_huge_or_doubled_let_nobody_in_and_hurt_nobody(tmp_path: Path) -> None:
    store = tmp_path / "store"
    good = f"Bearer {_made(store, 'eyes', '--scope', 'read')['token']}"
    with serving(store, "--require-token") as served:
        assert _raw(served.url, good).startswith(b"HTTP/1.1 200")
        for answer in (_raw(served.url, good, "Bearer x"), _raw(served.url, "Bearer x", good)):
            assert answer.startswith(b"HTTP/1.1 401")
        assert b" 200 " not in _raw(served.url, "Bearer " + "x" * 2_000_000)
        assert b" 200 " not in _raw(served.url, *["Bearer x"] * 5_000)
        assert _raw(served.url, good).startswith(b"HTTP/1.1 200")


def test_a_collector_does_not_start_with_tokens_that_others_may_read(tmp_path: Path) -> None:
    _made(tmp_path / "store", "ci")
    (tmp_path / "store" / TOKEN_FILE).chmod(0o604)

    command = [sys.executable, "-m", "makespan_cli.main", "serve", "--port", "0", "--store", str(tmp_path / "store")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert ended.returncode == ExitCode.BAD_INPUT
    assert "chmod 600" in ended.stderr
