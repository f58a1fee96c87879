"""`makespan steps`, as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from makespan_agent.identity.job_identity import JobIdentity
from makespan_agent.identity.step_identity import identify_step

_WORKFLOW = """
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          make
          make check
      - {id: unit, name: "Unit ${{ matrix.python }}", run: pytest}
  side:
    runs-on: ubuntu-latest
    steps:
      - {id: server, run: ./serve, background: true}
      - run: ./ask
  call:
    uses: ./.github/workflows/other.yml
"""


def _steps(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "makespan_cli.main", "steps", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_step_is_named_under_the_keys_a_runner_gives_it(tmp_path: Path) -> None:
    path = tmp_path / "ci.yml"
    path.write_text(_WORKFLOW)

    finished = _steps(path)

    assert finished.returncode == 0, finished.stderr
    checkout = {"name": "Run actions/checkout@v4", "index": 0, "kind": "uses"}
    make = {"name": "Run make", "index": 1, "kind": "run"}
    unit = {"name": "Unit ${{ matrix.python }}", "index": 2, "kind": "run"}
    found = json.loads(finished.stdout)
    assert found["test"] == {
        "__actions_checkout": checkout,
        "0": checkout,
        "__run": make,
        "1": make,
        "unit": unit,
    }
    # Beside steps that run in parallel, nobody knows how GitHub numbers.
    assert set(found["side"]) == {"server", "1"}
    assert "call" not in found


def test_the_agent_reads_what_it_prints(tmp_path: Path) -> None:
    path, steps_file = tmp_path / "ci.yml", tmp_path / "steps.json"
    path.write_text(_WORKFLOW)
    steps_file.write_text(_steps(path).stdout)
    job = JobIdentity(
        provider="github", repository="o/r", run_id="1", pipeline="ci", job_id="test", step_key="__actions_checkout"
    )
    notices: list[str] = []

    step = identify_step(
        job,
        {"MAKESPAN_STEPS_FILE": str(steps_file)},
        is_shell=True,
        given_name=None,
        executable="bash",
        start_ns=1,
        notices=notices,
    )

    assert (step.path, step.name, step.kind) == ("#0", "Run actions/checkout@v4", "uses")
    assert notices == []


def test_a_file_that_is_no_workflow_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "ci.yml"
    path.write_text("on: push\njobs:\n  test: 3\n")

    finished = _steps(path)

    assert finished.returncode == 3
    assert finished.stderr == f"makespan: {path}:3:3: job 'test' must be a mapping\n"
    assert _steps(tmp_path / "missing.yml").returncode == 3
