from __future__ import annotations

import pytest

from makespan_model.errors import WorkflowError
from makespan_optimizer.workflow.model import Defaults
from makespan_optimizer.workflow.reading import read_workflow
from support.measured_workflows import workflow

FULL = """\
name: CI
on:
  push:
  pull_request:
permissions: {contents: read}
defaults:
  run: {shell: bash}
jobs:
  lint:
    runs-on: ubuntu-latest
    steps: [{uses: actions/checkout@v4}, {run: "ruff check\\nmore"}]
  test:
    name: Unit tests
    needs: [lint]
    if: github.ref == 'x'
    runs-on: [self-hosted, linux]
    strategy:
      matrix: {python: [3.11, '3.12']}
    env: {A: 1}
    outputs: {v: "${{ steps.s.outputs.v }}"}
    timeout-minutes: 5
    steps:
      - id: s
        name: Test
        run: pytest
        shell: sh
        env: {B: two}
        working-directory: src
        if: always()
        continue-on-error: true
      - parallel:
          - run: a
          - uses: b/c@v1
  called:
    uses: ./.github/workflows/other.yml
    with: {x: y}
"""


def test_every_field_is_read_as_text() -> None:
    read = workflow(FULL)
    lint, test, called = read.jobs
    assert (read.name, read.triggers, read.defaults) == ("CI", ("push", "pull_request"), Defaults("bash"))
    assert [step.display_name for step in lint.steps] == ["Run actions/checkout@v4", "Run ruff check"]
    assert (test.display_name, test.needs, test.runs_on, test.has_matrix) == (
        "Unit tests",
        ("lint",),
        "self-hosted, linux",
        True,
    )
    assert test.strategy is not None
    assert test.strategy.canonical == '{"matrix": {"python": ["3.11", "3.12"]}}'
    assert (test.env, test.timeout, test.condition) == ((("A", "1"),), "5", "github.ref == 'x'")
    step = test.steps[0]
    assert (step.step_id, step.shell, step.env, step.working_directory, step.condition, step.continue_on_error) == (
        "s",
        "sh",
        (("B", "two"),),
        "src",
        "always()",
        "true",
    )
    assert (called.uses, called.with_, called.steps) == ("./.github/workflows/other.yml", (("x", "y"),), ())


def test_parallel_steps_are_read_with_their_own_steps() -> None:
    step = workflow(FULL).jobs[1].steps[1]
    assert (step.control, [inner.display_name for inner in step.parallel]) == ("parallel", ["Run a", "Run b/c@v1"])


def test_a_step_span_covers_its_text() -> None:
    read = workflow(FULL)
    span = read.jobs[1].steps[0].span
    assert FULL[span.start : span.end].startswith("id: s\n")
    assert FULL[span.start : span.end].endswith("continue-on-error: true")
    assert (span.line, span.column) == (23, 9)


def test_content_key_knows_what_a_step_does_and_not_what_it_is_called() -> None:
    text = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n"
    text += "    - {run: x, name: A, id: i, if: always()}\n    - {run: x}\n    - {run: x, shell: sh}\n"
    keys = [step.content_key for step in workflow(text).jobs[0].steps]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ci.yml:1:1: a workflow must be a mapping"),
        ("jobs: {}\n", "ci.yml:1:1: the workflow has no 'on' key"),
        ("on: push\njobs:\n", "ci.yml:2:1: the workflow has no jobs"),
        ("on: push\njobs:\n  a:\n    steps: []\n", "ci.yml:3:3: job 'a' has no 'runs-on'"),
        ("on: push\njobs:\n  a:\n    runs-on: x\n", "ci.yml:3:3: job 'a' has no 'steps'"),
        (
            "on: push\njobs:\n  a: {runs-on: x, steps: [{run: x}], needs: [lnit]}\n  lint: {runs-on: x, steps: []}\n",
            "ci.yml:3:46: job 'a' needs 'lnit', which does not exist (did you mean 'lint'?)",
        ),
        (
            "on: push\njobs:\n  a: {runs-on: x, steps: [], needs: b}\n  b: {runs-on: x, steps: [], needs: a}\n",
            "ci.yml:3:37: jobs need each other in a cycle: a, b",
        ),
        (
            "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n    - name: x\n",
            "ci.yml:6:7: step 1 of job 'a' has neither 'run' nor 'uses'",
        ),
        (
            "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n    - {run: x, uses: y}\n",
            "ci.yml:6:7: step 1 of job 'a' has both 'run' and 'uses'",
        ),
        (
            "on: push\nx: &x {a: 1}\njobs:\n  a:\n    <<: *x\n",
            "ci.yml:5:5: GitHub does not support merge keys ('<<')",
        ),
        ("on: push\njobs:\n  a:\n    runs-on: x\n    steps: {}\n", "ci.yml:5:12: 'steps' of job 'a' must be a list"),
    ],
)
def test_a_broken_workflow_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        read_workflow(text, file="ci.yml")
    assert str(caught.value).startswith(message)


def test_a_job_with_an_anchor_or_alias_in_it_is_marked_shared() -> None:
    text = "on: push\njobs:\n  a: {runs-on: x, steps: &s [{run: x}]}\n  b: {runs-on: x, steps: *s}\n"
    text += "  c: {runs-on: x, steps: [{run: x}]}\n"
    assert [job.shared for job in workflow(text).jobs] == [True, True, False]
