"""A workflow whose steps run under the agent, executed by act."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.agent_process import Agent

_WORKFLOW = """
name: CI
on: push
defaults: {run: {shell: "makespan shell {0}"}}
jobs:
  test:
    runs-on: ubuntu-latest
    strategy: {matrix: {python: ["3.11", "3.12"]}}
    env: {MAKESPAN_MATRIX: "${{ toJSON(matrix) }}"}
    steps:
      - run: echo hello
      - id: named
        run: makespan run --step inner -- true
      - shell: makespan shell --as python {0}
        run: print("python", 1 + 1)
      - shell: makespan shell --as "sh -ux {0}"
        run: exit 3
"""


def _act() -> str | None:
    beside = Path(sys.executable).with_name("act")
    return str(beside) if beside.exists() else shutil.which("act")


@pytest.mark.service
def test_every_step_of_a_workflow_is_recorded_in_its_matrix_leg(agent: Agent, tmp_path: Path) -> None:
    act = _act()
    if act is None:
        assert not os.environ.get("MAKESPAN_REQUIRE_SERVICES"), "act is required and not installed"
        pytest.skip("act is not installed")
    workflow = agent.directory / ".github" / "workflows" / "ci.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(_WORKFLOW)
    identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=agent.directory, check=True)
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()

    finished = subprocess.run(
        [act, "push", "-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--artifact-server-addr", "127.0.0.1"],
        cwd=agent.directory,
        env=agent.full_environment(
            HOME=str(tmp_path / "home"),
            TMPDIR=str(tmp_path / "tmp"),
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert "python 2" in finished.stdout, finished.stdout + finished.stderr
    assert "exit status 3" in finished.stdout
    records = agent.records()
    by_leg = {
        label: [
            (record["step"]["path"].partition("@")[0], record["exit_code"])
            for record in records
            if record["job"]["label"] == label
        ]
        for label in ("test (3.11)", "test (3.12)")
    }
    # act's key of a step is its id, or its position.
    steps = [("0", 0), ("named/inner", 0), ("named", 0), ("2", 0), ("3", 3)]
    assert by_leg == {"test (3.11)": steps, "test (3.12)": steps}
    assert len({record["step"]["trace_id"] for record in records}) == 1
