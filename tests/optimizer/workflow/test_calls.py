from __future__ import annotations

from makespan_optimizer.passes.evidence import no_files
from makespan_optimizer.workflow.actions import Unresolved
from makespan_optimizer.workflow.calls import CalledWorkflow, call_faults, called_workflows, resolve_call
from makespan_optimizer.workflow.reading import read_workflow
from support.measured_workflows import workflow

_BUILD = """\
on:
  workflow_call:
    inputs:
      os: {type: string, required: true}
      level: {type: number, default: 2}
      note: {type: string}
    secrets:
      token: {required: true}
      extra:
jobs:
  b: {runs-on: '${{ inputs.os }}', steps: [{run: x}]}
"""
_PATH = ".github/workflows/build.yml"


def _caller(fields: str, uses: str = f"./{_PATH}") -> str:
    return f"on: push\njobs: {{c: {{uses: '{uses}'{fields}}}}}\n"


def _called(fields: str) -> CalledWorkflow:
    found = resolve_call(workflow(_caller(fields)).jobs[0], {_PATH: _BUILD}.get)
    assert isinstance(found, CalledWorkflow)
    return found


def test_a_local_call_is_followed_and_its_inputs_bound() -> None:
    found = _called(", with: {OS: '${{ matrix.os }}'}, secrets: {token: x}")
    assert (found.path, [job.job_id for job in found.workflow.jobs]) == (_PATH, ["b"])
    assert found.inputs == (("os", "${{ matrix.os }}"), ("level", "2"))
    assert found.is_accepted


def test_what_is_missing_and_what_nobody_declared_is_told() -> None:
    found = _called(", with: {oss: x}, secrets: {other: x}")
    assert (found.missing_inputs, found.undeclared_inputs) == (("os",), ("oss",))
    assert (found.missing_secrets, found.undeclared_secrets) == (("token",), ("other",))
    assert not found.is_accepted


def test_inherited_secrets_are_not_missed() -> None:
    assert _called(", with: {os: x}, secrets: inherit").is_accepted


def test_calls_that_cannot_be_followed_say_why() -> None:
    def reason(uses: str, files: dict[str, str]) -> str:
        found = resolve_call(workflow(_caller("", uses)).jobs[0], files.get)
        assert isinstance(found, Unresolved)
        return found.reason

    assert reason("o/r/.github/workflows/x.yml@v1", {}) == "it lies in another repository"
    assert reason("./x.yml", {"x.yml": _BUILD}) == "a reusable workflow must lie in .github/workflows"
    assert reason(f"./{_PATH}", {}) == f"{_PATH} is not in the repository"
    assert (
        reason(f"./{_PATH}", {_PATH: "on: push\njobs: {a: {runs-on: x, steps: []}}\n"})
        == f"{_PATH} has no trigger 'workflow_call'"
    )
    assert resolve_call(workflow("on: push\njobs: {a: {runs-on: x, steps: []}}\n").jobs[0], no_files) is None


def _chain(length: int) -> dict[str, str]:
    call = "on: workflow_call\njobs: {c: {uses: ./.github/workflows/w%d.yml}}\n"
    return {f".github/workflows/w{n}.yml": call % (n + 1) for n in range(length)}


def test_calls_of_calls_are_followed_as_deep_as_github_connects_them() -> None:
    files = _chain(20)
    first = read_workflow(files[".github/workflows/w0.yml"], file=".github/workflows/w0.yml")
    found = list(called_workflows(first, files.get))
    assert [len(path) for path, _ in found] == list(range(1, 11))
    assert [isinstance(one, CalledWorkflow) for _, one in found] == [True] * 9 + [False]
    assert found[-1][1] == Unresolved("./.github/workflows/w10.yml", "more than 10 workflows are connected")


def test_circles_and_broken_files_end_as_unresolved() -> None:
    circle = _caller("", "./.github/workflows/w0.yml").replace("push", "workflow_call")
    first = read_workflow(circle, file=".github/workflows/w0.yml")
    assert [one for _, one in called_workflows(first, no_files)] == [
        Unresolved("./.github/workflows/w0.yml", "it calls itself")
    ]
    broken = called_workflows(workflow(_caller("")), {_PATH: "on: push\n"}.get)
    assert [one for _, one in broken] == [Unresolved(f"./{_PATH}", f"{_PATH}:1:1: the workflow has no jobs")]


def test_what_github_would_refuse_of_a_call_is_told_at_the_call() -> None:
    caller = workflow(_caller(", with: {oss: x}, secrets: {tokn: x}"))
    found = [str(fault) for fault in call_faults(caller, {_PATH: _BUILD}.get)]
    call = f"ci.yml:2:18: job 'c' calls ./{_PATH} and"
    assert found == [
        f"{call} does not pass the required input 'os'",
        f"{call} does not pass the required secret 'token'",
        f"{call} passes input 'oss', which is not declared (did you mean 'os'?)",
        f"{call} passes secret 'tokn', which is not declared (did you mean 'token'?)",
    ]


def test_calls_of_files_that_are_not_at_hand_are_not_judged() -> None:
    assert call_faults(workflow(_caller("")), no_files) == ()
    assert [str(fault) for fault in call_faults(workflow(_caller("")), {_PATH: "on: ["}.get)] == [
        f"{_PATH}:1:6: while parsing a flow node, did not find expected node content"
    ]
