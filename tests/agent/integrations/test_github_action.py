"""The GitHub action, run by act."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from makespan_agent.command_line import IDENTITY_OPTIONS
from makespan_collector.server import BackgroundCollector
from makespan_model.records import StepKind
from support.agent_process import Agent
from support.ci_runners import INTEGRATIONS, act, commit_all, only_run, tree

_WORKFLOW = """
name: CI
on: push
defaults: {run: {shell: "makespan shell {0}"}}
jobs:
  test:
    runs-on: ubuntu-latest
    strategy: {matrix: {os: [linux], python: ["3.11", "3.12"]}}
    steps:
      - uses: actions/checkout@v4
      - uses: ./.github/actions/makespan
        with: {endpoint: "ENDPOINT", workflow: .github/workflows/ci.yml}  # act knows no GITHUB_WORKFLOW_REF
      - name: Unit tests
        run: makespan run --step inner -- echo "python ${{ matrix.python }}"
      - id: named
        run: "true"
      - if: always()
        uses: ./.github/actions/makespan/flush
  lint:
    runs-on: ubuntu-latest
    needs: test
    steps:
      - uses: actions/checkout@v4
      - uses: ./.github/actions/makespan
        with: {endpoint: "ENDPOINT", workflow: .github/workflows/ci.yml}  # act knows no GITHUB_WORKFLOW_REF
      - name: Style
        run: exit 3
      - if: always()
        uses: ./.github/actions/makespan/flush
"""


def _run_workflow(directory: Path, environment: dict[str, str], text: str) -> subprocess.CompletedProcess[str]:
    shutil.copytree(INTEGRATIONS / "github", directory / ".github" / "actions" / "makespan")
    commit_all(directory, {".github/workflows/ci.yml": text})
    command = [act(), "push", "-P", "ubuntu-latest=-self-hosted", "--no-cache-server"]
    return subprocess.run(
        [*command, "--artifact-server-addr", "127.0.0.1"],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.service
def test_a_workflow_arrives_as_its_run_its_jobs_with_their_matrix_and_its_named_steps(
    agent: Agent, ci_environment: dict[str, str], tmp_path: Path
) -> None:
    with BackgroundCollector(tmp_path / "store") as collector:
        finished = _run_workflow(agent.directory, ci_environment, _WORKFLOW.replace("ENDPOINT", collector.endpoint))

    assert "python 3.12" in finished.stdout, finished.stdout + finished.stderr
    run = only_run(tmp_path / "store")
    assert (run.pipeline, run.identity.provider) == ("CI", "github")
    leg = [("Unit tests", "success"), ("inner", "success"), ("Run true", "success")]
    assert tree(run) == {
        "lint": [("Style", "failure")],
        "test (linux, 3.11)": leg,
        "test (linux, 3.12)": leg,
    }
    unit, inner, named = sorted(run.jobs[0].steps, key=lambda step: step.start_ns)
    assert [(step.path, step.index, step.kind) for step in (unit, named)] == [
        ("#2", 2, StepKind.RUN),
        ("#3", 3, StepKind.RUN),
    ]
    assert inner.path.startswith("#2/inner@")
    assert agent.records() == []


@pytest.mark.service
def test_a_job_whose_makespan_cannot_be_installed_runs_unmeasured(
    agent: Agent, ci_environment: dict[str, str], tmp_path: Path
) -> None:
    ci_environment["PATH"] = os.environ["PATH"].replace(f"{Path(shutil.which('makespan') or '/x').parent}:", "")
    workflow = """
name: CI
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    defaults: {run: {shell: "makespan shell {0}"}}
    steps:
      - uses: actions/checkout@v4
      - uses: ./.github/actions/makespan
        with: {package: /nowhere/makespan.whl}
      - run: echo "still $((20 + 22))"
      - uses: ./.github/actions/makespan/flush
"""

    finished = _run_workflow(agent.directory, ci_environment, workflow)

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "still 42" in finished.stdout
    assert "could not be installed; the steps of this job are not measured" in finished.stdout
    assert agent.records() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["shell", "SCRIPT"],
        ["shell", "--as", "bash", "SCRIPT"],
        ["shell", "--as=sh", "--step", "x", "SCRIPT"],
        ["shell", "--as", "env A=1 bash {0} more", "SCRIPT"],
        ["shell", "--as", 'bash -c ". SCRIPT"'],
        ["shell", "-c", "echo $0; exit 5", "zero"],
        ["shell", "--as", "bash -eu", "-c", "echo $1", "zero", "one two"],
        ["run", "--step", "x", "--", "sh", "-c", "echo $0; exit 7", "a b"],
        ["run", "sh", "SCRIPT"],
        *[["run", option, "9", "sh", "SCRIPT"] for option in (*IDENTITY_OPTIONS, "--timeout")],
    ],
)
def test_the_stand_in_of_an_uninstallable_makespan_runs_what_makespan_runs(agent: Agent, arguments: list[str]) -> None:
    script = agent.directory / "script"
    script.write_text('echo "$# $* ${A-}"; false | true; exit 6')
    words = [word.replace("SCRIPT", str(script)) for word in arguments]

    real = agent.run(*words)
    stand_in = subprocess.run(
        ["sh", INTEGRATIONS / "github" / "unmeasured.sh", *words],
        cwd=agent.directory,
        capture_output=True,
        check=False,
    )

    assert (stand_in.returncode, stand_in.stdout) == (real.returncode, real.stdout)
    assert real.returncode in (0, 1, 5, 6, 7)  # None of the agent's own
