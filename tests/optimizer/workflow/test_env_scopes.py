from __future__ import annotations

from makespan_optimizer.workflow.env_scopes import Variable, environment_of, shell_of, working_directory_of
from support.measured_workflows import workflow

_TEXT = """\
on: push
env: {A: workflow, B: workflow, C: workflow}
defaults: {run: {shell: bash, working-directory: src}}
jobs:
  a:
    runs-on: x
    env: {B: job, C: job, D: job}
    defaults: {run: {shell: sh}}
    steps:
      - {run: x, env: {C: step, d: step}}
      - {run: x, shell: pwsh, working-directory: docs}
  b:
    runs-on: x
    env: ${{ fromJSON(vars.ENV) }}
    steps: [{run: x}]
"""


def test_the_innermost_scope_that_sets_a_variable_wins() -> None:
    read = workflow(_TEXT)
    job = read.jobs[0]
    found = environment_of(read, job, job.steps[0])
    assert [(one.name, one.text, one.scope) for one in found.variables] == [
        ("A", "workflow", "workflow"),
        ("B", "job", "job"),
        ("C", "step", "step"),
        ("D", "job", "job"),
        ("d", "step", "step"),
    ]
    assert found.is_complete
    assert environment_of(read, job).variable("C") == Variable("C", "job", "job")


def test_an_environment_that_an_expression_yields_is_not_called_complete() -> None:
    read = workflow(_TEXT)
    job = read.jobs[1]
    found = environment_of(read, job, job.steps[0])
    assert (found.is_complete, [one.name for one in found.variables]) == (False, ["A", "B", "C"])


def test_shell_and_directory_come_from_the_step_then_the_job_then_the_workflow() -> None:
    read = workflow(_TEXT)
    first, second = read.jobs
    assert [shell_of(read, first, step) for step in first.steps] == ["sh", "pwsh"]
    assert [working_directory_of(read, first, step) for step in first.steps] == ["src", "docs"]
    assert shell_of(read, second, second.steps[0]) == "bash"
