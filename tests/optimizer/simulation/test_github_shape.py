from __future__ import annotations

import os
from pathlib import Path

import pytest

from makespan_model.errors import MakespanError, WorkflowError
from makespan_optimizer.simulation.github_shape import github_shape
from makespan_optimizer.simulation.shape import ConcurrencyGroup, JobShape, PipelineShape, StartsWhen
from makespan_optimizer.workflow.reading import read_workflow


def shape_of(jobs: str, head: str = "on: push\n") -> PipelineShape:
    return github_shape(read_workflow(f"{head}jobs:\n{jobs}", file="ci.yml"))


def job_of(body: str) -> JobShape:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return shape_of(f"  a:\n    runs-on: linux\n    steps: [{{run: x}}]\n{lines}").jobs[-1]


def test_legs_have_the_names_labels_and_limits_of_the_file() -> None:
    shape = shape_of("""\
  t:
    name: Test on ${{ matrix.os }}
    strategy:
      fail-fast: false
      max-parallel: 2
      matrix:
        os: [ubuntu-latest, windows-latest]
        py: ['3.12', 3.13]
        exclude: [{os: windows-latest, py: '3.12'}]
        include: [{os: ubuntu-latest, py: '3.12', extra: x}]
    runs-on: ${{ matrix.os }}
    timeout-minutes: 5
    steps: [{run: x}]
""")
    assert [job.name for job in shape.jobs] == [
        "t (ubuntu-latest, 3.12)",
        "t (ubuntu-latest, 3.13)",
        "t (windows-latest, 3.13)",
    ]
    assert [job.labels for job in shape.jobs] == [("ubuntu-latest",), ("ubuntu-latest",), ("windows-latest",)]
    assert {(job.job_id, job.max_parallel, job.fail_fast, job.timeout_s) for job in shape.jobs} == {
        ("t", 2, False, 300)
    }
    # The agent names a leg by all its values, GitHub by the job's own name.
    assert "t (ubuntu-latest, 3.12, x)" in shape.jobs[0].aliases
    assert "Test on windows-latest" in shape.jobs[2].aliases


def test_a_matrix_that_a_run_decides_waits_for_one() -> None:
    shape = shape_of("""\
  t:
    strategy: {matrix: {v: "${{ fromJSON(needs.x.outputs.v) }}"}}
    runs-on: linux
    steps: [{run: x}]
""")
    assert shape.unexpanded == {"t"}
    assert [job.name for job in shape.jobs] == ["t"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("github.ref == 'refs/heads/main'", StartsWhen.SUCCESS),
        ("success()", StartsWhen.SUCCESS),
        ("${{ always() }}", StartsWhen.ALWAYS),
        ("'!cancelled() && github.event_name == ''push'''", StartsWhen.ALWAYS),
        ("success() || failure()", StartsWhen.ALWAYS),
        ("failure() && needs.b.result == 'failure'", StartsWhen.FAILURE),
    ],
)
def test_status_functions_decide_what_a_job_waits_for(condition: str, expected: StartsWhen) -> None:
    job = job_of(f"if: {condition}")
    assert (job.starts_when, job.conditional, job.never_runs) == (expected, True, False)


def test_a_job_that_is_turned_off_never_runs() -> None:
    assert job_of("if: false").never_runs
    assert job_of("if: ${{ false && github.ref }}").never_runs


def test_limits_and_tolerance() -> None:
    assert job_of("").timeout_s == 360 * 60
    assert job_of("continue-on-error: true").failure_tolerated
    assert not job_of("continue-on-error: ${{ github.ref == 'x' }}").failure_tolerated


def test_a_fixed_group_holds_jobs_up_and_a_changing_one_is_told() -> None:
    assert job_of("concurrency: Deploy").group == ConcurrencyGroup("deploy")
    assert job_of("concurrency: {group: d, cancel-in-progress: true}").group == ConcurrencyGroup("d", cancels=True)
    head = "on: push\nconcurrency: ci-${{ github.ref }}\n"
    shape = shape_of("  a:\n    runs-on: x\n    steps: [{run: x}]\n", head)
    assert shape.group is None
    assert "the concurrency group of the workflow differs from run to run" in shape.notes[0]


def test_needs_find_jobs_whatever_their_capitals_and_order() -> None:
    step = "    runs-on: x\n    steps: [{run: x}]\n"
    shape = shape_of(f"  last:\n    needs: [FIRST]\n{step}  First:\n{step}")
    assert [(job.job_id, job.needs) for job in shape.jobs] == [("First", ()), ("last", ("First",))]


def test_a_called_workflow_is_one_job_without_a_runner() -> None:
    (job,) = shape_of("  a:\n    uses: ./.github/workflows/x.yml\n").jobs
    assert (job.calls, job.labels, job.timeout_s) == (True, None, None)


def test_more_legs_than_github_runs_are_refused_with_their_place() -> None:
    values = ", ".join(str(number) for number in range(20))
    matrix = f"    strategy: {{matrix: {{a: [{values}], b: [{values}]}}}}\n"
    with pytest.raises(WorkflowError, match=r"ci\.yml:3:3: the matrix of 't' has 400 legs; GitHub runs 1 to 256"):
        shape_of(f"  t:\n{matrix}    runs-on: x\n    steps: [{{run: x}}]\n")


@pytest.mark.skipif("MAKESPAN_SHARED_DATA" not in os.environ, reason="needs MAKESPAN_SHARED_DATA")
def test_every_real_workflow_that_is_read_has_a_shape() -> None:
    read = 0
    for file in sorted(Path(os.environ["MAKESPAN_SHARED_DATA"], "workflows", "github").glob("*/*.yml")):
        try:
            workflow = read_workflow(file.read_bytes().decode(), file=file.name)
        except MakespanError:
            continue
        shape = github_shape(workflow)
        assert {job.job_id for job in shape.jobs} == {job.job_id for job in workflow.jobs}
        read += 1
    assert read > 400
