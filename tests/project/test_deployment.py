"""What `deploy/` promises: names that the product knows, no secrets, no more rights than needed."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from makespan_cli.main import load_command
from makespan_model.setting_tables import TABLES, Settings
from support.ci_runners import require

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy/systemd/makespan-collector.service"
DOCKERFILE = ROOT / "deploy/Dockerfile"
SETTINGS = {f"MAKESPAN_{item.name.upper()}" for item in fields(Settings)} | {
    f"MAKESPAN_{table.upper()}_{item.name.upper()}" for table, made in TABLES.items() for item in fields(made)
}
OF_THE_AGENT = {"MAKESPAN_PIPELINE"}
_MOST_EXPOSURE = 20
"""Of 100, by systemd's own scale, where up to 20 is "OK" in green."""


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def _unit_lines(key: str) -> list[str]:
    return [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith(f"{key}=")]


def _serve_arguments(command: list[str]) -> argparse.Namespace:
    """What `serve` understands of a command line; an option it lacks ends the test."""
    assert command[0] == "serve"
    parser = argparse.ArgumentParser(exit_on_error=False)
    load_command("serve").configure(parser)
    return parser.parse_args(command[1:])


def _collector_stage() -> str:
    return DOCKERFILE.read_text().partition("AS collector")[2]


def test_every_setting_that_is_deployed_is_one() -> None:
    deployed = set(re.findall(r"\bMAKESPAN_[A-Z_]+", UNIT.read_text() + DOCKERFILE.read_text()))
    for service in _compose()["services"].values():
        deployed |= {name for name in service.get("environment", {}) if name.startswith("MAKESPAN_")}
    assert deployed <= SETTINGS | OF_THE_AGENT | {"MAKESPAN_"}
    assert {"MAKESPAN_STORE", "MAKESPAN_COLLECTOR_LOG_FORMAT"} <= deployed


def test_the_unit_runs_serve_and_may_open_as_many_files_as_it_has_connections() -> None:
    (command,) = _unit_lines("ExecStart")
    _serve_arguments(shlex.split(command)[1:])
    assert int(_unit_lines("LimitNOFILE")[0]) > 4_096 + 256


def _runnable_unit(folder: Path) -> Path:
    """The unit with a program that exists here, as `verify` looks."""
    text = UNIT.read_text().replace("/opt/makespan/bin/makespan", str(Path(sys.executable).with_name("makespan")))
    copy = folder / UNIT.name
    copy.write_text(text)
    return copy


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = require("systemd-analyze", shutil.which("systemd-analyze"))
    said = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", _runnable_unit(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (said.returncode, [line for line in said.stderr.splitlines() if UNIT.name in line]) == (0, [])


def test_the_unit_gives_away_few_rights(tmp_path: Path) -> None:
    analyze = require("systemd-analyze", shutil.which("systemd-analyze"))
    said = subprocess.run(
        [
            analyze,
            "security",
            "--offline=true",
            "--no-pager",
            f"--threshold={_MOST_EXPOSURE}",
            _runnable_unit(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_the_image_serves_as_a_user_that_is_not_root_and_says_how_it_does() -> None:
    stage = _collector_stage()
    user = re.search(r"^USER (\d+)$", stage, re.MULTILINE)
    assert user is not None
    assert int(user[1]) > 0
    assert f"--uid {user[1]} " in stage
    assert stage.index("\nUSER ") < stage.index("\nCMD ")

    command = re.search(r"^CMD (\[.*\])$", stage, re.MULTILINE)
    assert command is not None
    arguments = _serve_arguments(json.loads(command[1]))
    assert arguments.require_token is None
    assert "EXPOSE 4317 4318" in stage
    assert "127.0.0.1:4318/healthz" in stage[stage.index("HEALTHCHECK") :]


def test_the_image_installs_extras_that_exist() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    extras = re.search(r'"\.\[([a-z,]+)\]"', _collector_stage())
    assert extras is not None
    for extra in extras[1].split(","):
        assert re.search(rf"^{extra} = \[", pyproject, re.MULTILINE), extra


def test_the_compose_file_has_no_secret_and_opens_no_port_beyond_this_machine() -> None:
    wanted = set((ROOT / ".env.example").read_text().splitlines())
    for name, service in _compose()["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET", variable):
                given = re.fullmatch(r"\$\{([A-Z_]+):\?.+\}", value)
                assert given, f"{name}: {variable}"
                assert f"{given[1]}=" in wanted, f"{given[1]} in .env.example"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_the_compose_collector_may_do_as_little_as_the_unit() -> None:
    collector = _compose()["services"]["collector"]
    assert collector["cap_drop"] == ["ALL"]
    assert collector["read_only"] is True
    assert "no-new-privileges:true" in collector["security_opt"]
