from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.records import PipelineRun, Result, RunState
from support.span_rows import EPOCH, SECOND, run_rows

ROWS = run_rows("1", {"test": [("pytest", 1, 5)]})
JOB = next(row for row in ROWS if row.kind is SpanKind.JOB)
STEP = next(row for row in ROWS if row.kind is SpanKind.STEP)
TOLD = replace(JOB, source="github-api", start_ns=EPOCH, end_ns=EPOCH + 6 * SECOND, runner_labels=("ubuntu",))
RUNNING = replace(TOLD, source="github-webhook", state=RunState.EXECUTING, end_ns=EPOCH + SECOND, worker="r1")


def _stored(rows: Sequence[SpanRow], *, compacted: bool) -> PipelineRun:
    with TemporaryDirectory() as folder, open_store(Path(folder, "store")) as store:
        for row in rows:
            store.append(spans=[row])
        if compacted:
            store.compact()
        (run,) = store.runs()
    return run


@pytest.mark.parametrize("compacted", [False, True])
def test_a_later_row_takes_away_nothing_it_does_not_know(*, compacted: bool) -> None:
    told = replace(STEP, source="github-api", cpu_user_s=None, exit_code=None, name="Run pytest")

    (step,) = _stored([STEP, told], compacted=compacted).jobs[0].steps

    assert (step.usage.cpu_user_s, step.exit_code, step.name) == (4.0, 0, "Run pytest")


@pytest.mark.parametrize("compacted", [False, True])
def test_of_two_rows_that_both_know_the_later_is_believed(*, compacted: bool) -> None:
    (step,) = _stored([STEP, replace(STEP, result=Result.FAILURE)], compacted=compacted).jobs[0].steps

    assert step.result is Result.FAILURE


@settings(max_examples=30, deadline=None)
@given(st.permutations([JOB, TOLD, RUNNING, RUNNING, TOLD]), st.booleans())
def test_what_the_provider_said_of_an_ended_job_holds_in_whatever_order_it_came(
    rows: list[SpanRow], compacted: bool
) -> None:
    (job,) = _stored(rows, compacted=compacted).jobs

    assert (job.start_ns, job.end_ns, job.state) == (EPOCH, EPOCH + 6 * SECOND, None)
    assert (job.runner_labels, job.worker) == (("ubuntu",), "r1")


def test_a_job_that_still_runs_says_so() -> None:
    (job,) = _stored([RUNNING], compacted=True).jobs

    assert job.state is RunState.EXECUTING
