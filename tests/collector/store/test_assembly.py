from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from makespan_collector.store.assembly import assemble_runs, worst_result
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.records import PipelineRun, Result, RunState
from support.span_rows import EPOCH, SECOND, run_rows

HOUR_NS = 3600 * SECOND
LATER_NS = EPOCH + 24 * HOUR_NS
JOBS = {"lint": [("ruff", 1, 3)], "test": [("install", 2, 4), ("pytest", 4, 9)]}


def assembled(rows: list[SpanRow]) -> PipelineRun:
    (run,) = assemble_runs([asdict(row) for row in rows], now_ns=LATER_NS)
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


def test_a_run_whose_end_nobody_told_goes_on_until_nothing_was_heard_of_it_for_hours() -> None:
    rows = [asdict(row) for row in only(run_rows("1", JOBS), SpanKind.STEP)]

    states = [assemble_runs(rows, now_ns=EPOCH + hours * HOUR_NS)[0].state for hours in (1, 5, 7)]

    assert states == [RunState.EXECUTING, RunState.EXECUTING, None]


def test_outside_of_ci_no_end_is_waited_for() -> None:
    rows = [asdict(replace(row, provider="plain")) for row in only(run_rows("1", JOBS), SpanKind.STEP)]

    assert assemble_runs(rows, now_ns=EPOCH + HOUR_NS)[0].state is None


def test_traces_of_two_senders_are_one_run_with_the_measured_steps_and_the_providers_times() -> None:
    measured = only(run_rows("1", JOBS), SpanKind.STEP)
    told = [
        replace(
            row,
            trace_id="f" * 32,
            source="github-api",
            cpu_user_s=None,
            start_ns=row.start_ns - SECOND,
            event="push",
            name=f"told {row.name}",
        )
        for row in run_rows("1", JOBS, needs={"test": ("lint",)})
    ]

    run = assembled([*measured, *told])

    assert (run.start_ns, run.event) == (EPOCH - SECOND, "push")
    assert [(job.name, job.start_ns - EPOCH) for job in run.jobs] == [("lint", 0), ("test", SECOND)]
    assert [step.name for step in run.jobs[1].steps] == ["install", "pytest"]
    assert run.jobs[1].needs == ("lint",)


def test_attempts_of_one_run_are_runs_of_their_own() -> None:
    rows = run_rows("1", JOBS)
    again = [replace(row, attempt=2, trace_id="e" * 32) for row in rows]

    runs = assemble_runs([asdict(row) for row in (*rows, *again)], now_ns=LATER_NS)

    assert [run.identity.attempt for run in runs] == [1, 2]


def test_steps_of_a_worker_whose_clock_is_wrong_are_put_into_their_job() -> None:
    rows = [
        replace(row, source="github-api")
        if row.kind is not SpanKind.STEP
        else replace(row, start_ns=row.start_ns + HOUR_NS, end_ns=row.end_ns + HOUR_NS)
        for row in run_rows("1", JOBS)
    ]

    assert [job.steps[-1].end_ns - job.end_ns for job in assembled(rows).jobs] == [0, 0]


def test_several_runs_come_out_oldest_first() -> None:
    rows = run_rows("2", JOBS, start_ns=EPOCH + SECOND) + run_rows("1", JOBS)
    assert [run.identity.run_id for run in assemble_runs([asdict(row) for row in rows], now_ns=LATER_NS)] == ["1", "2"]


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
