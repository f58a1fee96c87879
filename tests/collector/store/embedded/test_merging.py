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


@settings(max_examples=15, deadline=None)
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


ANOTHER = replace(TOLD, source="gitlab-webhook", runner_labels=None, url="https://ci.example/1", result=Result.SUCCESS)
FOREIGN = replace(JOB, source="otlp", start_ns=EPOCH + SECOND, event="push")


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from([JOB, TOLD, RUNNING, FOREIGN, STEP]), min_size=1, max_size=6), st.booleans())
def test_rows_sent_again_in_the_same_order_change_nothing(rows: list[SpanRow], compacted: bool) -> None:
    assert _stored([*rows, *rows], compacted=compacted) == _stored(rows, compacted=compacted)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from([JOB, TOLD, RUNNING, FOREIGN]), min_size=3, max_size=5), st.integers(1, 4))
def test_it_does_not_matter_what_was_compacted_when(rows: list[SpanRow], compacted_after: int) -> None:
    with TemporaryDirectory() as folder, open_store(Path(folder, "store")) as store:
        for number, row in enumerate(rows):
            if number == compacted_after:
                store.compact()
            store.append(spans=[row])
        (run,) = store.runs()

    assert run == _stored(rows, compacted=True)


def test_the_providers_word_holds_against_what_comes_after_a_compaction() -> None:
    with TemporaryDirectory() as folder, open_store(Path(folder, "store")) as store:
        store.append(spans=[TOLD])
        store.append(spans=[FOREIGN])
        store.compact()
        store.append(spans=[FOREIGN])
        (run,) = store.runs()

    assert run.jobs[0].start_ns == EPOCH


@pytest.mark.parametrize("compacted", [False, True])
def test_what_only_one_of_many_tells_is_kept(*, compacted: bool) -> None:
    (job,) = _stored([ANOTHER, TOLD, FOREIGN, RUNNING], compacted=compacted).jobs

    assert (job.url, job.runner_labels, job.worker) == ("https://ci.example/1", ("ubuntu",), "r1")
