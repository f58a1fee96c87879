"""Every workflow of a corpus, where one is given: a folder of files in MAKESPAN_SHARED_DATA/workflows/github."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from makespan_model.errors import WorkflowError
from makespan_optimizer.plan import optimize
from makespan_optimizer.workflow.reading import read_workflow
from support.measured_workflows import evidence

CORPUS = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "workflows" / "github"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="MAKESPAN_SHARED_DATA names no folder with workflows/github"),
]


def test_every_workflow_is_read_kept_or_rewritten_verified_and_once_only() -> None:
    refused, unread = [], []
    for path in sorted(CORPUS.rglob("*.y*ml")):
        text = path.read_bytes().decode("utf-8")
        try:
            before = read_workflow(text, file=path.name)
        except WorkflowError as error:
            unread.append(error.what)
            continue
        plan = optimize(before, evidence(before), level="assumed")
        assert plan.changed or plan.after.text == text, path
        refused += [(path, held.problems) for held in plan.refused]
        if plan.changed:
            assert not optimize(plan.after, evidence(plan.after), level="assumed").changed, path
    assert refused == []
    # Composite actions lie among them; nothing else may be unreadable.
    assert set(unread) <= {"the workflow has no 'on' key: nothing would start it"}
