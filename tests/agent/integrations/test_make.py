"""A Makefile whose recipes are steps."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.agent_process import Agent
from support.ci_runners import INTEGRATIONS, require

_MAKEFILE = f"""
include {INTEGRATIONS}/make/makespan.mk
VERSION := $(shell echo 1.2)
all: build test
\t@true
build:
\t@echo "version $(VERSION) of $@"; false; echo "it's $$HOME"
\t@$(MAKE) --no-print-directory -C sub inner
test:
\t@exit 3
"""


def _make(directory: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    make = require("make", shutil.which("make"))
    return subprocess.run(
        [make, *arguments], cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def project(agent: Agent) -> Path:
    (agent.directory / "Makefile").write_text(_MAKEFILE)
    # A work tree of its own, as a submodule is.
    (agent.directory / "sub" / ".git").mkdir(parents=True)
    (agent.directory / "sub" / "Makefile").write_text(f"include {INTEGRATIONS}/make/makespan.mk\ninner:\n\t@echo in\n")
    return agent.directory


@pytest.mark.service
def test_every_recipe_is_a_step_of_one_run_named_after_its_target(
    agent: Agent, ci_environment: dict[str, str], project: Path
) -> None:
    finished = _make(project, ci_environment, "all")

    assert finished.returncode == 2
    assert finished.stdout == f"version 1.2 of build\nit's {ci_environment['HOME']}\nin\n"
    assert "makespan:" not in finished.stderr
    records = agent.records()
    steps = [(record["step"]["name"], record["exit_code"]) for record in records]
    assert sorted(steps) == [("build", 0), ("build", 0), ("inner", 0), ("test", 3)]
    assert len({record["step"]["trace_id"] for record in records}) == 1
    (inner,) = [record for record in records if record["step"]["name"] == "inner"]
    assert inner["step"]["parent_span_id"] in {r["step"]["span_id"] for r in records if r["step"]["name"] == "build"}


@pytest.mark.service
def test_two_calls_of_make_are_two_runs_unless_one_is_named(
    agent: Agent, ci_environment: dict[str, str], project: Path
) -> None:
    for _ in range(2):
        _make(project, ci_environment, "test")
    for _ in range(2):
        _make(project, ci_environment | {"MAKESPAN_RUN_ID": "7"}, "test")

    runs = [record["job"]["run_id"] for record in agent.records()]
    assert len(set(runs)) == 3
    assert runs[2:] == ["7", "7"]


@pytest.mark.service
def test_recipes_run_under_the_shell_the_makefile_asks_for(
    agent: Agent, ci_environment: dict[str, str], project: Path
) -> None:
    (project / "Makefile").write_text(
        f"MAKESPAN_MAKE_SHELL := bash -eo pipefail\ninclude {INTEGRATIONS}/make/makespan.mk\nall:\n\t@false | true\n"
    )

    assert _make(project, ci_environment).returncode == 2
    assert [record["exit_code"] for record in agent.records()] == [1]


@pytest.mark.service
def test_without_makespan_make_runs_as_ever(agent: Agent, ci_environment: dict[str, str], project: Path) -> None:
    ci_environment["PATH"] = os.defpath

    finished = _make(project, ci_environment, "build")

    assert finished.stdout == f"version 1.2 of build\nit's {ci_environment['HOME']}\nin\n"
    assert agent.records() == []
