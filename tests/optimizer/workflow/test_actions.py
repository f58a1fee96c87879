from __future__ import annotations

import os
from pathlib import Path

import pytest

from makespan_model.errors import WorkflowError
from makespan_optimizer.expressions.availability import ACTION
from makespan_optimizer.workflow.actions import Action, Unresolved, executed_steps, read_action, resolve_action
from makespan_optimizer.workflow.expression_sites import expression_faults
from support.github_parser import GithubParser
from support.measured_workflows import workflow

_CORPUS = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "workflows" / "github_actions"
_SETUP = """\
name: Setup
description: Prepares
inputs:
  version: {description: v, required: true}
  cache: {default: 'yes'}
outputs:
  hit: {description: h, value: '${{ steps.c.outputs.hit }}'}
runs:
  using: composite
  steps:
    - {uses: actions/setup-python@v5, with: {python-version: '${{ inputs.version }}'}}
    - {run: pip install ., shell: bash, id: c}
    - {uses: ./.github/actions/inner}
"""
_INNER = "name: I\ndescription: i\nruns:\n  using: composite\n  steps: [{run: make, shell: sh}]\n"
_FILES = {".github/actions/setup/action.yml": _SETUP, ".github/actions/inner/action.yaml": _INNER}


def _job_step(uses: str, with_: str = "") -> str:
    return f"on: push\njobs: {{a: {{runs-on: x, steps: [{{uses: '{uses}'{with_}}}]}}}}\n"


def test_a_composite_action_is_read_with_its_interface_and_steps() -> None:
    action = read_action(_SETUP, file="action.yml")
    assert (action.name, action.using, action.is_composite) == ("Setup", "composite", True)
    assert [(one.name, one.required, one.default) for one in action.inputs] == [
        ("version", True, None),
        ("cache", False, "yes"),
    ]
    assert [(one.name, one.value) for one in action.outputs] == [("hit", "${{ steps.c.outputs.hit }}")]
    assert [step.display_name for step in action.steps] == [
        "Run actions/setup-python@v5",
        "Run pip install .",
        "Run ./.github/actions/inner",
    ]
    assert (action.steps[1].shell, action.steps[1].span.line) == ("bash", 12)


def test_other_kinds_of_actions_are_read_too() -> None:
    node = read_action("name: n\nruns: {using: node20, main: dist/index.js, post: p.js}\nodd: 1\n", file="action.yml")
    docker = read_action("name: d\nruns: {using: docker, image: Dockerfile, args: [a], newer: 1}\n", file="action.yml")
    assert (node.using, node.main, [key.name for key in node.others]) == ("node20", "dist/index.js", ["odd"])
    assert (docker.using, docker.main, [key.name for key in docker.others]) == ("docker", "Dockerfile", ["newer"])


def test_a_local_action_is_found_in_either_file_of_its_folder() -> None:
    assert isinstance(resolve_action("./.github/actions/setup", _FILES.get), Action)
    assert isinstance(resolve_action("./.github/actions/inner/", _FILES.get), Action)
    assert isinstance(resolve_action("./", {"action.yml": _INNER}.get), Action)
    missing = resolve_action("./.github/actions/none", _FILES.get)
    assert missing == Unresolved("./.github/actions/none", ".github/actions/none/action.yml is not in the repository")
    assert resolve_action("actions/checkout@v4", _FILES.get) == Unresolved(
        "actions/checkout@v4", "it lies in another repository"
    )


def test_the_steps_of_local_composite_actions_stand_for_the_step_that_uses_them() -> None:
    step = workflow(_job_step("./.github/actions/setup")).jobs[0].steps[0]
    found = list(executed_steps(step, _FILES.get))
    assert [(len(outer), one.uses if isinstance(one, Unresolved) else one.run) for outer, one in found] == [
        (1, "actions/setup-python@v5"),
        (1, "pip install ."),
        (2, "make"),
    ]


def test_an_action_that_uses_itself_ends_as_unresolved() -> None:
    own = _INNER.replace("{run: make, shell: sh}", "{uses: ./a}")
    step = workflow(_job_step("./a")).jobs[0].steps[0]
    assert [one for _, one in executed_steps(step, {"a/action.yml": own}.get)] == [Unresolved("./a", "it uses itself")]


def test_nesting_ends_where_the_runner_ends_it() -> None:
    files = {f"a{n}/action.yml": _INNER.replace("{run: make, shell: sh}", f"{{uses: ./a{n + 1}}}") for n in range(20)}
    step = workflow(_job_step("./a0")).jobs[0].steps[0]
    assert [one for _, one in executed_steps(step, files.get)] == [
        Unresolved("./a10", "actions are nested deeper than 10")
    ]


def test_required_inputs_that_a_step_leaves_out_are_told() -> None:
    action = read_action(_SETUP, file="action.yml")
    without, given = (workflow(_job_step("./x", with_)).jobs[0].steps[0] for with_ in ("", ", with: {VERSION: 1}"))
    assert (action.missing_inputs(without), action.missing_inputs(given)) == (("version",), ())


_RUNS = "runs: {using: composite"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "1:1: an action must be a mapping with the key 'runs'"),
        ("name: x\n", "1:1: the action has no 'runs' key"),
        ("runs: {main: x}\n", "1:7: 'runs' of the action has no 'using' key"),
        (_RUNS + "}\n", "1:7: 'runs' of a composite action has no 'steps'"),
        (_RUNS + ", steps: [{run: x}]}\n", "1:34: a 'run' step of a composite action must name its 'shell'"),
        (_RUNS + ", steps: [{parallel: []}]}\n", "1:34: 'parallel' is not allowed in a composite action"),
    ],
)
def test_a_broken_action_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        read_action(text, file="action.yml")
    assert str(caught.value) == f"action.yml:{message}"


@pytest.mark.service
@pytest.mark.skipif(not _CORPUS.is_dir(), reason="MAKESPAN_SHARED_DATA names no folder with workflows/github_actions")
def test_every_action_of_the_corpus_is_judged_as_github_judges_it(github_parser: GithubParser) -> None:
    paths = [path for path in sorted(_CORPUS.rglob("*.y*ml")) if "runs:" in path.read_text()]
    assert paths
    for path in paths:
        text = path.read_text()
        theirs = github_parser.action_errors(text)
        try:
            faults = expression_faults(read_action(text, file=path.name).document, ACTION)
        except WorkflowError as refusal:
            faults = (refusal,)
        assert bool(faults) == bool(theirs), (path, faults, theirs)
