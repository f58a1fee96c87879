from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from makespan_collector.store.opening import open_store
from makespan_model.errors import ExitCode
from support.span_rows import step_request

SERVE = [sys.executable, "-m", "makespan_cli.main", "serve"]
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@contextmanager
def _serving(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`makespan serve --json` in a folder with settings; its URL and process, of which stderr is to be read."""
    process = subprocess.Popen(
        [*SERVE, "--json"],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=30)
        yield json.loads(line)["url"], process
    finally:
        process.kill()
        process.communicate(timeout=30)


def _ask(url: str, data: bytes | None = None, headers: Mapping[str, str] = PROTOBUF) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, dict(headers)), timeout=30) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8", "replace")


def test_settings_of_the_folder_and_the_environment_hold(tmp_path: Path) -> None:
    (tmp_path / ".makespan.toml").write_text(
        'store = "history"\n[collector]\nport = 0\nmax_body_bytes = 5000\nlog_format = "json"\n'
    )
    with _serving(tmp_path, {"MAKESPAN_COLLECTOR_MIN_FREE_BYTES": str(10**18)}) as (url, process):
        assert _ask(f"{url}/v1/traces", step_request().SerializeToString())[0] == 200
        assert _ask(f"{url}/v1/traces", b"\n" * 5001)[0] == 413
        status, said = _ask(f"{url}/readyz")
        assert status == 503
        assert "fewer than" in json.loads(said)["problems"]["disk"]
        metrics = _ask(f"{url}/metrics")[1]
        process.terminate()
        errors = process.communicate(timeout=30)[1].splitlines()

    assert (tmp_path / "history" / "format").is_file()
    assert 'makespan_requests_total{endpoint="/v1/traces",status="413"} 1.0' in metrics
    refused = [json.loads(line) for line in errors if line.startswith("{")]
    assert [(line["endpoint"], line["status"], line["client"]) for line in refused] == [
        ("/v1/traces", "413", "127.0.0.1"),
        ("/readyz", "503", "127.0.0.1"),
    ]


def test_runs_older_than_the_retention_go_while_it_serves(tmp_path: Path) -> None:
    for retention, left in (("0", 1), ("1", 0)):
        environment = {"MAKESPAN_COLLECTOR_PORT": "0", "MAKESPAN_COLLECTOR_RETENTION_RUNS_DAYS": retention}
        with _serving(tmp_path, environment) as (url, process):
            if retention == "0":
                assert _ask(f"{url}/v1/traces", step_request().SerializeToString())[0] == 200
            process.terminate()
            process.communicate(timeout=30)
        with open_store(tmp_path / ".makespan/store") as store:
            assert len(store.runs()) == left


def test_a_flood_of_refused_requests_is_few_lines_without_a_token(tmp_path: Path) -> None:
    secret = "mksp_0a1b2c3d_" + "x" * 43
    with _serving(tmp_path, {"MAKESPAN_COLLECTOR_PORT": "0", "MAKESPAN_COLLECTOR_REQUIRE_TOKEN": "1"}) as (
        url,
        process,
    ):
        headers = PROTOBUF | {"Authorization": f"Bearer {secret}", "X-Forwarded-For": "1.2.3.4"}
        statuses = {_ask(f"{url}/v1/traces?t={secret}", b"the body", headers)[0] for _ in range(100)}
        process.terminate()
        errors = process.communicate(timeout=30)[1]

    assert statuses == {401}
    assert 1 <= errors.count("request refused") <= 10
    assert "status=401 client=127.0.0.1" in errors
    assert "mksp_" not in errors
    assert "the body" not in errors


@pytest.mark.parametrize(
    ("settings", "environment", "said"),
    [
        ("[collector]\nprot = 1", {}, "did you mean 'port'?"),
        ("", {"MAKESPAN_COLLECTOR_TRUSTED_PROXIES": "10.0.0.300"}, "trusted_proxies"),
        ("", {"MAKESPAN_COLLECTOR_TLS_CERT": "cert.pem"}, "go together"),
        ("[collector]\nmax_in_flight_bytes = 1000", {}, "max_in_flight_bytes"),
    ],
)
def test_a_setting_that_cannot_be_ends_it_before_it_begins(
    tmp_path: Path, settings: str, environment: dict[str, str], said: str
) -> None:
    (tmp_path / ".makespan.toml").write_text(settings)

    ended = subprocess.run(
        [*SERVE, "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == ExitCode.USAGE
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / ".makespan").exists()
