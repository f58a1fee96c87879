"""A prediction of a what-if is what happens when the workflow is changed so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from makespan_analytics.critical_path import SegmentKind
from makespan_analytics.what_if.speedups import History
from makespan_analytics.what_if.task_graph import Subject
from makespan_collector.store.opening import open_store
from makespan_model.records import PipelineRun
from support.local_project import LocalProject, new_project, require_act

pytestmark = [pytest.mark.service, pytest.mark.slow]

WORKFLOW = """
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps: [{{name: compile, run: sleep 3}}]
  test:
    needs: build
    runs-on: ubuntu-latest
    steps: [{{name: pytest, run: sleep {test_s}}}]
  lint:
    needs: build
    runs-on: ubuntu-latest
    steps: [{{name: ruff, run: sleep 4}}]
"""


def _run(project: LocalProject, test_s: int, store: Path) -> PipelineRun:
    project.commit({".github/workflows/ci.yml": WORKFLOW.format(test_s=test_s)})
    command = [sys.executable, "-P", "-m", "makespan_cli.main", "exec", ".github/workflows/ci.yml", "--json"]
    ended = subprocess.run(
        [*command, "--store", str(store), "--runners", "4"],
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert json.loads(ended.stdout)["result"] == "success", ended.stderr
    with open_store(store, read_only=True) as opened:
        return opened.runs()[-1]


def test_halving_the_longest_step_saves_what_was_predicted_within_a_tenth(tmp_path: Path) -> None:
    require_act()
    project = new_project(tmp_path)

    before = _run(project, 12, tmp_path / "before")
    path = next(step.path for job in before.jobs for step in job.steps if step.name == "pytest")
    (gain,) = History([before], runners=4).gains([{Subject(SegmentKind.STEP, "test", path): 0.5}])
    after = _run(project, 6, tmp_path / "after")

    assert gain.saved_s == pytest.approx(6, abs=0.5)
    assert before.makespan_s - gain.saved_s == pytest.approx(after.makespan_s, rel=0.1)
