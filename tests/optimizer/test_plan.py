from __future__ import annotations

import pytest

from makespan_optimizer.claims import DroppedDuplicate
from makespan_optimizer.passes.evidence import Evidence
from makespan_optimizer.passes.findings import EvidenceLevel, Finding, PassInfo
from makespan_optimizer.plan import optimize
from makespan_optimizer.prediction.replay import predict
from makespan_optimizer.workflow.model import Workflow
from makespan_optimizer.yaml.edits import Edit, remove_item
from support.measured_workflows import evidence, history, workflow

INSTALL = """\
      - uses: actions/checkout@v4
      - name: Create
        run: python -m venv .venv
      - name: Install
        run: .venv/bin/python -m pip install -r requirements-ci.txt
"""
SERIAL = f"""\
name: ci
on: [push]
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
{INSTALL}      - name: Ruff
        run: .venv/bin/python -m ruff check src
  typecheck:
    needs: lint
    runs-on: ubuntu-latest
    steps:
{INSTALL}      - name: Mypy
        run: .venv/bin/python -m mypy src
  test:
    needs: typecheck
    runs-on: ubuntu-latest
    steps:
{INSTALL}      - name: Install again
        run: .venv/bin/python -m pip install -r requirements-ci.txt
      - name: Pytest
        run: .venv/bin/python -m pytest
"""
DURATIONS = {"Create": 3.0, "Install": 15.0, "Install again": 1.0, "Ruff": 0.5, "Mypy": 6.0, "Pytest": 40.0}
FILES = {"requirements-ci.txt": "ruff==0.14.0\nmypy==1.18.2\npytest==8.4.2\n"}


def applied(level: EvidenceLevel) -> list[str]:
    before = workflow(SERIAL)
    plan = optimize(before, evidence(before, DURATIONS, files=FILES), level=level)
    return [entry.finding.finding_id for entry in plan.applied]


def test_proven_alone_changes_nothing_here() -> None:
    assert applied("proven") == []


def test_measured_drops_repetitions_and_waits_and_adds_caches() -> None:
    assert applied("measured") == [
        "repeated_setup:test:3",
        "needless_needs:typecheck:lint",
        "needless_needs:test:typecheck",
        "uncached_install:lint",
        "uncached_install:typecheck",
        "uncached_install:test",
        "missing_timeout:lint",
        "missing_timeout:typecheck",
        "missing_timeout:test",
    ]


def test_dropped_waits_make_a_merge_possible() -> None:
    assert "merged_small_jobs:lint" not in applied("measured")
    # What the merged job takes has not been measured: it gets no limit.
    assert applied("assumed")[3:] == [
        "merged_small_jobs:lint",
        "uncached_install:lint",
        "uncached_install:test",
        "missing_timeout:test",
    ]


def test_a_workflow_without_findings_comes_out_identical() -> None:
    text = "on: push\r\njobs:\r\n  a: {runs-on: x, steps: [{run: true}]}\r\n# end"
    before = workflow(text)
    plan = optimize(before, evidence(before, {}), level="assumed")
    assert (plan.after.text, plan.changed, plan.diff(), plan.applied) == (text, False, "", ())


def test_optimizing_the_result_changes_nothing_more() -> None:
    before = workflow(SERIAL)
    known = evidence(before, DURATIONS, files=FILES)
    after = optimize(before, known, level="assumed").after
    assert not optimize(after, known, level="assumed").changed


def test_held_back_findings_name_the_level_that_admits_them() -> None:
    before = workflow(SERIAL)
    plan = optimize(before, evidence(before, files=FILES), level="measured")
    assert plan.applied == ()
    assert {held.admitted_by for held in plan.held_back} == {"assumed"}
    assert len(plan.held_back) == 6


def test_estimates_belong_to_steps_of_the_final_workflow_and_leave_none_unmeasured() -> None:
    before = workflow(SERIAL)
    plan = optimize(before, evidence(before, DURATIONS, files=FILES), level="assumed")
    steps = {(job.job_id, step.content_key) for job in plan.after.jobs for step in job.steps}
    assert {(estimate.job_id, estimate.content_key) for estimate in plan.estimates} <= steps
    profile = history(before, DURATIONS)
    after = predict(plan.after, measured_on=before, profile=profile, runners=9, estimates=plan.estimates)
    assert after.unmeasured == ()
    assert after.makespan_s < predict(before, measured_on=before, profile=profile, runners=9).makespan_s / 2


def test_lines_of_findings_are_those_of_the_original_file() -> None:
    before = workflow(SERIAL)
    plan = optimize(before, evidence(before, DURATIONS, files=FILES), level="measured")
    lines = SERIAL.splitlines()
    for entry in plan.applied:
        text = lines[entry.line - 1]
        wanted = {"needless_needs": "needs", "missing_timeout": f"  {entry.finding.job_id}:"}
        assert wanted.get(entry.finding.pass_name, "- name: Install") in text


class WrongPass:
    """Deletes a command and calls it a repetition."""

    PASS = PassInfo("wrong", "proven", "always wrong", "none")

    def find(self, workflow: Workflow, evidence: Evidence) -> list[Finding]:
        job = workflow.jobs[0]
        claim = DroppedDuplicate(job.job_id, len(job.steps) - 1)
        return [Finding("wrong", job.job_id, job.span, "x", "y", "proven", (claim,))] if len(job.steps) > 1 else []

    def rewrite(self, workflow: Workflow, finding: Finding) -> list[Edit]:
        return [remove_item(workflow.document, ("jobs", finding.job_id, "steps"), len(workflow.jobs[0].steps) - 1)]


def test_a_pass_that_loses_a_command_is_refused_and_says_why() -> None:
    before = workflow(SERIAL)
    plan = optimize(before, evidence(before), level="proven", passes=(WrongPass(),))
    assert not plan.changed
    assert [held.admitted_by for held in plan.refused] == [None]
    assert "repeats no earlier step" in plan.refused[0].problems[0]


@pytest.mark.parametrize(("failures", "dropped"), [(0, True), (3, True), (9, False)])
def test_an_edge_is_dropped_on_measurement_only_while_little_is_wasted(failures: int, dropped: bool) -> None:
    before = workflow(SERIAL)
    known = evidence(before, DURATIONS, files=FILES, failures={"lint": failures, "typecheck": failures})
    plan = optimize(before, known, level="measured")
    names = [entry.finding.finding_id for entry in plan.applied]
    assert ("needless_needs:typecheck:lint" in names) is dropped
