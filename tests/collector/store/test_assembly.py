from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from makespan_collector.store.assembly import assemble_runs, worst_result
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.records import PipelineRun, Result
from support.span_rows import EPOCH, SECOND, run_rows

JOBS = {"lint": [("ruff", 1, 3)], "test": [("install", 2, 4), ("pytest", 4, 9)]}


def assembled(rows: list[SpanRow]) -> PipelineRun:
    (run,) = assemble_runs([asdict(row) for row in rows])
    return run


def only(rows: list[SpanRow], *kinds: SpanKind) -> list[SpanRow]:
    return [row for row in rows if row.kind in kinds]


def test_a_job_of_which_only_steps_are_known_spans_its_steps() -> None:
    run = assembled(only(run_rows("1", JOBS), SpanKind.STEP, SpanKind.RUN))
    test = run.jobs[1]
    assert (test.name, test.start_ns, test.end_ns) == ("test", EPOCH + 2 * SECOND, EPOCH + 9 * SECOND)
    assert test.needs is None


def test_a_run_of_which_only_steps_are_known_spans_its_jobs() -> None:
    run = assembled(only(run_rows("1", JOBS), SpanKind.STEP))
    assert (run.start_ns, run.makespan_s) == (EPOCH + SECOND, 8.0)
    assert (run.identity.run_id, run.pipeline, run.result) == ("1", "ci", Result.SUCCESS)


def test_a_run_nobody_summed_up_ended_as_its_worst_job() -> None:
    rows = only(run_rows("1", JOBS), SpanKind.STEP)
    rows = [replace(row, result=Result.FAILURE) if row.name == "install" else row for row in rows]
    run = assembled(rows)
    assert run.result is Result.FAILURE
    assert [job.result for job in run.jobs] == [Result.SUCCESS, Result.FAILURE]


def test_a_job_span_gives_needs_and_result() -> None:
    rows = run_rows("1", JOBS, needs={"test": ("lint",)})
    assert assembled(rows).jobs[1].needs == ("lint",)


def test_the_order_in_which_spans_arrive_does_not_matter() -> None:
    rows = run_rows("1", JOBS, needs={"test": ("lint",)})
    assert assembled(rows) == assembled(rows[::-1])


def test_several_runs_come_out_oldest_first() -> None:
    rows = run_rows("2", JOBS, start_ns=EPOCH + SECOND) + run_rows("1", JOBS)
    assert [run.identity.run_id for run in assemble_runs([asdict(row) for row in rows])] == ["1", "2"]


@pytest.mark.parametrize(
    ("results", "worst"),
    [
        ([], Result.SUCCESS),
        ([Result.SKIP, Result.SKIP], Result.SKIP),
        ([Result.SKIP, Result.SUCCESS], Result.SUCCESS),
        ([Result.SUCCESS, Result.CANCELLATION], Result.CANCELLATION),
        ([Result.CANCELLATION, Result.FAILURE, Result.TIMEOUT], Result.FAILURE),
    ],
)
def test_the_worst_result_wins(results: list[Result], worst: Result) -> None:
    assert worst_result(results) is worst
