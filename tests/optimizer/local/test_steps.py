"""What one step sees and leaves behind is what it would be without the agent."""

from __future__ import annotations

import os

import pytest

from makespan_model import vocabulary as names
from makespan_model.records import Result
from support.local_project import Finished, LocalProject

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def shells(shared_project: LocalProject) -> Finished:
    return shared_project.run("""
        defaults: {run: {shell: bash, working-directory: below}}
        jobs:
          workflow-level:
            runs-on: ubuntu-latest
            steps:
              - run: mkdir below
                working-directory: .
              - run: basename "$PWD"; set -o | grep pipefail
              - run: set -o | grep pipefail
                shell: bash -e {0}
              - run: print("python", 1 + 1)
                shell: python3 {0}
          job-level:
            defaults: {run: {shell: "sh -u {0}", working-directory: .}}
            runs-on: ubuntu-latest
            steps:
              - run: echo "${BASH_VERSION:-no bash}"; set -o | grep nounset
              - run: mkdir a b; basename "$PWD"
              - run: basename "$PWD"
                working-directory: a
        """)


def test_a_shell_declared_for_the_workflow_is_used_with_its_options(shells: Finished) -> None:
    name, *pipefail = (" ".join(line.split()) for line in shells.lines["workflow-level"][:3])
    assert name == "below"
    assert pipefail == ["pipefail on", "pipefail off"]


def test_a_shell_that_is_a_template_runs_the_script(shells: Finished) -> None:
    assert shells.lines["workflow-level"][3:] == ["python 2"]


def test_a_jobs_own_defaults_win_over_the_workflows(shells: Finished) -> None:
    version, nounset, root, below = (" ".join(line.split()) for line in shells.lines["job-level"])
    assert (version, nounset) == ("no bash", "nounset on")
    assert root != "below"
    assert below == "a"


def test_an_omitted_shell_is_bash_without_pipefail_that_stops_at_the_first_error(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - run: |
                  false | true
                  echo "${BASH_VERSION:+bash}" after a broken pipe
                  false
                  echo never
        """)

    assert finished.lines["a"] == ["bash after a broken pipe"]
    assert finished.job("a").result is Result.FAILURE


def test_bash_by_name_fails_on_a_broken_pipe(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          a:
            runs-on: ubuntu-latest
            steps: [{run: "echo told; false | true", shell: bash}]
        """)

    assert finished.job("a").result is Result.FAILURE
    assert finished.job("a").failed_output == ("told",)


def test_environment_path_and_outputs_flow_from_step_to_step(project: LocalProject) -> None:
    finished = project.run("""
        env: {FROM_WORKFLOW: w}
        jobs:
          a:
            runs-on: ubuntu-latest
            env: {FROM_JOB: j}
            steps:
              - id: make
                run: |
                  echo "GIVEN=two words" >> "$GITHUB_ENV"
                  mkdir bin && printf '#!/bin/sh\\necho own tool\\n' > bin/own-tool && chmod +x bin/own-tool
                  echo "$PWD/bin" >> "$GITHUB_PATH"
                  echo "answer=42" >> "$GITHUB_OUTPUT"
              - env: {FROM_STEP: s}
                run: |
                  echo "$GIVEN $FROM_WORKFLOW $FROM_JOB $FROM_STEP ${{ steps.make.outputs.answer }}"
                  own-tool
        """)

    assert finished.lines["a"] == ["two words w j s 42", "own tool"]


def test_steps_with_the_same_text_are_told_apart(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - run: "true"
              - {id: again, run: "true"}
              - run: "true"
              - {name: "true", run: exit 4}
        """)

    wanted = (names.STEP_PATH, names.STEP_INDEX, names.PROCESS_EXIT_CODE)
    recorded = [tuple(step[name] for name in wanted) for step in finished.recorded()]
    assert recorded == [("#0", 0, 0), ("#1", 1, 0), ("#2", 2, 0), ("#3", 3, 4)]
    assert [result for _, _, result in finished.steps] == [Result.SUCCESS] * 3 + [Result.FAILURE]


def test_legs_of_a_matrix_are_named_alike_by_act_and_by_the_agents(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          test:
            runs-on: ubuntu-latest
            strategy:
              matrix:
                python: ["3.10", 3.12]
                os: [linux]
                include: [{python: "3.9", os: "a, b", flag: true, nothing: null, list: [1, x]}]
            steps: [{run: "echo ${{ matrix.python }}"}]
        """)

    told_by_act = {leg.label for leg in finished.job("test").legs}
    assert len(told_by_act) == 3
    assert told_by_act == {step[names.JOB_NAME] for step in finished.recorded()}
    assert {label: lines for label, lines in finished.lines.items() if "3.10" in label or "3.12" in label} == {
        "test (linux, 3.10)": ["3.10"],
        "test (linux, 3.12)": ["3.12"],
    }


def test_a_matrix_beside_an_environment_shared_by_an_alias_leaves_the_workflows_own_alone(
    project: LocalProject,
) -> None:
    finished = project.run("""
        env: &shared {A: "1"}
        jobs:
          test:
            runs-on: ubuntu-latest
            env: *shared
            strategy: {matrix: {v: [x]}}
            steps: [{run: 'echo "$A ${{ matrix.v }}"'}]
        """)

    assert finished.lines["test (x)"] == ["1 x"]


def test_a_local_action_of_the_repository_runs(project: LocalProject) -> None:
    project.commit(
        {
            "act/action.yml": "name: own\ninputs: {who: {default: nobody}}\nruns:\n  using: composite\n  steps:\n"
            '    - {run: "echo hello ${{ inputs.who }}", shell: bash}\n'
        }
    )
    finished = project.run("""
        jobs:
          a:
            runs-on: ubuntu-latest
            steps: [{uses: actions/checkout@v4}, {uses: ./act, with: {who: you}}]
        """)

    assert finished.lines["a"] == ["hello you"]
    assert [name for _, name, _ in finished.steps] == ["Run actions/checkout@v4", "Run ./act"]


def test_jobs_do_not_see_the_ci_or_the_virtual_environment_around_makespan(project: LocalProject) -> None:
    project.host = {
        "GITHUB_TOKEN": "secret",
        "VIRTUAL_ENV": "/venv",
        "PATH": f"/venv/bin:{os.environ['PATH']}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://example.invalid",
    }
    finished = project.run("""
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - run: echo "[$GITHUB_TOKEN] [$VIRTUAL_ENV] [$OTEL_EXPORTER_OTLP_ENDPOINT]"
              - run: case ":$PATH:" in *:/venv/bin:*) echo found;; *) echo clean;; esac
        """)

    assert finished.lines["a"] == ["[] [] []", "clean"]


def test_a_shell_that_depends_on_the_matrix_is_said_to_run_differently(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          test:
            runs-on: ubuntu-latest
            strategy: {matrix: {shell: [bash]}}
            defaults: {run: {shell: "${{ matrix.shell }}"}}
            steps: [{run: 'echo "${BASH_VERSION:+bash}"'}]
        """)

    assert finished.lines["test (bash)"] == ["bash"]
    assert "job test: defaults.run.shell is an expression, which act evaluates once" in finished.run.notes[0]
