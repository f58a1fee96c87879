"""What the repository promises about itself: pins, folders, compose file, its own workflow."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from makespan_optimizer.passes.evidence import evidence_for
from makespan_optimizer.plan import optimize
from makespan_optimizer.repository import file_reader
from makespan_optimizer.workflow.reading import read_workflow

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("agent", "analytics", "cache", "cli", "collector", "dashboards", "model", "optimizer")


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return listed.stdout.splitlines()


def test_the_lock_file_names_no_index_and_pins_everything_with_hashes() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert not [line for line in lines if re.search(r"https?://|--(extra-)?index-url|--find-links|file:", line)]
    pinned = [line for line in lines if line and line[0] not in " #"]
    assert all(re.match(r"[A-Za-z0-9._-]+==\S+ (; .* )?\\$", line) for line in pinned)
    assert sum("--hash=sha256:" in line for line in lines) >= len(pinned)


def test_every_part_has_one_prefixed_package_that_ships_its_types() -> None:
    for part in PARTS:
        assert (ROOT / part / f"makespan_{part}" / "__init__.py").is_file(), part
        assert (ROOT / part / f"makespan_{part}" / "py.typed").is_file(), part


def test_no_file_holds_a_path_of_a_machine() -> None:
    pattern = re.compile(r"/work/(main|shared)|/root/")
    allowed = {"tests/project/test_repository.py"}
    found = []
    for name in tracked_files():
        path = ROOT / name
        if name in allowed or not path.is_file() or path.suffix in {".png", ".lock"}:
            continue
        found += [name for line in path.read_text("utf-8", "replace").splitlines() if pattern.search(line)]
    assert found == []


def test_the_compose_file_mounts_and_builds_what_exists() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert {"collector", "influxdb", "grafana", "agent"} == set(compose["services"])
    assert compose["services"]["agent"]["profiles"] == ["agent"]
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (ROOT / source).exists(), f"{name}: {volume}"
        if "build" in service:
            dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
            assert f"AS {service['build']['target']}" in dockerfile
            for copied in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE):
                assert all((ROOT / source).exists() for source in copied.split()), copied


def test_grafana_finds_its_data_source_and_dashboards_folder() -> None:
    provisioning = ROOT / "deploy/grafana/provisioning"
    source = yaml.safe_load((provisioning / "datasources/influxdb.yml").read_text())["datasources"][0]
    assert (source["type"], source["jsonData"]["version"]) == ("influxdb", "InfluxQL")
    provider = yaml.safe_load((provisioning / "dashboards/makespan.yml").read_text())["providers"][0]
    mounts = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    assert any(mount.split(":")[1] == provider["options"]["path"] for mount in mounts)


def test_our_own_workflow_follows_the_optimizers_advice() -> None:
    file = ROOT / ".github/workflows/ci.yml"
    workflow = read_workflow(file.read_text(), file=str(file))
    plan = optimize(workflow, evidence_for(workflow, None, file_reader(ROOT)), level="assumed")
    assert [held.finding.what for held in plan.held_back] == []
    assert [applied.finding.what for applied in plan.applied] == []


def test_our_own_workflow_is_accepted_by_actionlint() -> None:
    actionlint = Path(sys.executable).with_name("actionlint")
    if not actionlint.is_file():
        pytest.skip("actionlint is not installed")
    said = subprocess.run([actionlint, ROOT / ".github/workflows/ci.yml"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "")


def test_the_readme_names_files_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "make test" in (ROOT / "README.md").read_text()
    script = (ROOT / ".ci/run").read_text()
    assert re.search(r"^make test\b", script, re.MULTILINE)
    assert "MAKESPAN_REQUIRE_SERVICES=1" in script
