from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from makespan_collector.store.places import open_configured
from makespan_model.settings import load_settings
from support.influxd import running_influxd
from support.span_rows import step_request

MAKESPAN = [sys.executable, "-m", "makespan_cli.main"]


def _status(url: str, data: bytes | None = None) -> int:
    headers = {"Content-Type": "application/x-protobuf"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def test_a_collector_keeps_its_history_on_a_server_and_says_when_that_is_away(tmp_path: Path) -> None:
    with running_influxd(tmp_path / "influxd") as server:
        (tmp_path / ".makespan.toml").write_text(f'store = "influxdb"\n[influxdb]\nurl = "{server.url}"\n')
        subprocess.run([*MAKESPAN, "store", "init"], cwd=tmp_path, check=True, timeout=60, capture_output=True)
        process = subprocess.Popen(
            [*MAKESPAN, "serve", "--port", "0", "--json"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            url, body = said["url"], step_request("7").SerializeToString()
            assert said["store"] == "influxdb"
            assert [_status(f"{url}/v1/traces", body), _status(f"{url}/readyz")] == [200, 200]
            with open_configured(load_settings(tmp_path, environment={}), read_only=True) as store:
                assert [run.identity.run_id for run in store.runs()] == ["7"]

            server.kill()
            assert _status(f"{url}/v1/traces", body) == 503
            # What was found holds for two seconds.
            deadline = time.monotonic() + 60
            while (found := _status(f"{url}/readyz")) == 200 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert found == 503
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.communicate(timeout=30)
    assert not (tmp_path / "influxdb").exists()


def test_the_tokens_of_a_collector_with_a_server_are_kept_beside_it(tmp_path: Path) -> None:
    command = [*MAKESPAN, "token", "create", "ci", "--store", "influxdb"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60, capture_output=True)
    assert (tmp_path / ".makespan/tokens.json").is_file()

    elsewhere = {**os.environ, "MAKESPAN_COLLECTOR_TOKENS_FILE": str(tmp_path / "mine.json")}
    subprocess.run(command, cwd=tmp_path, env=elsewhere, check=True, timeout=60, capture_output=True)
    assert (tmp_path / "mine.json").is_file()
