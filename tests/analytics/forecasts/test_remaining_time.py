from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from makespan_analytics.forecasts.remaining_time import remaining_time
from makespan_model.records import JobRun, PipelineRun, Result, RunState
from support.pipeline_runs import EPOCH, SECOND, job, run, step


def _ended(number: int, *, build_s: float = 10, test_s: float = 30) -> PipelineRun:
    """build, 2 s of queueing, then install (5 s) and pytest."""
    start = build_s + 2
    return run(
        job("build", 0, build_s, step("compile", 0, build_s), needs=[]),
        job(
            "test",
            start,
            start + 5 + test_s,
            step("install", start, start + 5),
            step("pytest", start + 5, start + 5 + test_s),
            needs=["build"],
        ),
        run_id=str(number),
    )


def _running(*jobs: JobRun) -> PipelineRun:
    return replace(run(*jobs, run_id="now"), state=RunState.EXECUTING)


def _under_way(item: JobRun) -> JobRun:
    return replace(item, state=RunState.EXECUTING)


def _at(seconds: float) -> int:
    return EPOCH + round(seconds * SECOND)


def _seconds(instant_ns: int) -> float:
    return (instant_ns - EPOCH) / SECOND


HISTORY = [_ended(number, test_s=20 + 2 * number) for number in range(11)]


def _forecast(running: PipelineRun, now_s: float, history: Sequence[PipelineRun] = HISTORY) -> tuple[float, ...]:
    found = remaining_time(running, history, _at(now_s))
    assert found is not None
    return tuple(_seconds(instant) for instant in (found.early_ns, found.end_ns, found.late_ns))


def test_what_has_not_begun_follows_from_the_graph_and_what_has_ended_stays() -> None:
    slow_build = _running(job("build", 0, 20, step("compile", 0, 20), needs=[]))

    # 20 + 2 + 5 + 30, two seconds a scenario around it; of eleven, one in ten is a fifth of the way to the second.
    assert _forecast(slow_build, 20) == pytest.approx((47.4, 57, 66.6))


def test_a_step_under_way_is_one_of_those_that_took_longer() -> None:
    now = _running(
        job("build", 0, 10, step("compile", 0, 10), needs=[]),
        _under_way(job("test", 12, 17, step("install", 12, 17), needs=["build"])),
    )

    assert _forecast(now, 18)[1] == 47
    # After 27 s of pytest, only the runs in which it took 28 s and more tell how it goes on.
    early, middle, _ = _forecast(now, 44)
    assert early >= 45
    assert middle == 51


def test_a_job_whose_steps_nobody_recorded_is_one_stretch() -> None:
    history = [run(job("build", 0, 20 + 2 * number, needs=[]), run_id=str(number)) for number in range(11)]
    now = _running(_under_way(job("build", 0, 0, needs=[])))

    assert _forecast(now, 10, history)[1] == 30
    assert _forecast(now, 35, history)[0] >= 35


def test_a_job_that_waits_has_waited_since_the_run_began() -> None:
    history = [run(job("a", 0, 50, needs=[]), job("b", 20, 30, needs=[]), run_id=str(number)) for number in range(5)]
    now = _running(_under_way(job("a", 0, 0, needs=[])))

    assert _forecast(now, 15, history)[1] == 50  # b starts at 20, not 20 seconds from now.
    assert _forecast(now, 45, history)[1] == 55


def test_scenarios_in_which_one_of_many_jobs_was_faster_still_count() -> None:
    """Of twenty jobs side by side some was always faster than now."""
    history = [
        run(*(job(f"j{leg}", 0, 40 + (number * 7 + leg * 3) % 20, needs=[]) for leg in range(20)), run_id=str(number))
        for number in range(30)
    ]
    now = _running(*(_under_way(job(f"j{leg}", 0, 0, needs=[])) for leg in range(20)))

    found = remaining_time(now, history, _at(45))

    assert found is not None
    assert (found.scenarios, found.overdue) == (30, ())
    assert _seconds(found.end_ns) == 59


def test_a_step_that_takes_longer_than_ever_is_said_to_be_overdue() -> None:
    now = _running(
        job("build", 0, 10, step("compile", 0, 10), needs=[]),
        _under_way(job("test", 12, 17, step("install", 12, 17), needs=["build"])),
    )

    found = remaining_time(now, HISTORY, _at(117))

    assert found is not None
    assert found.overdue == ("test",)
    assert _seconds(found.end_ns) == pytest.approx(127)


def test_the_forecast_is_never_in_the_past() -> None:
    now = _running(_under_way(job("build", 0, 0, needs=[])))

    assert all(instant >= 500 for instant in _forecast(now, 500))


def test_few_runs_give_no_forecast() -> None:
    now = _running(_under_way(job("build", 0, 0, needs=[])))

    assert remaining_time(now, HISTORY[:4], _at(1)) is None


def test_failed_and_running_runs_are_no_scenarios() -> None:
    now = _running(_under_way(job("build", 0, 0, needs=[])))
    failed = [replace(one, result=Result.FAILURE) for one in HISTORY]
    unended = [replace(one, state=RunState.EXECUTING) for one in HISTORY]

    assert remaining_time(now, failed + unended, _at(1)) is None


def test_runs_without_a_job_that_has_begun_are_no_scenarios() -> None:
    assert remaining_time(_running(_under_way(job("other", 0, 0, needs=[]))), HISTORY, _at(1)) is None


def test_nine_in_ten_runs_end_before_the_late_end_when_runs_are_alike() -> None:
    """Each run of a long history forecast from those before it, half-way through its build."""
    durations = [20 + (number * 37) % 23 for number in range(200)]
    runs = [_ended(number, test_s=duration) for number, duration in enumerate(durations)]
    late = 0
    for number in range(60, 200):
        now = _running(_under_way(job("build", 0, 0, needs=[])))
        found = remaining_time(now, runs[:number], _at(5))
        assert found is not None
        late += runs[number].end_ns > found.late_ns

    assert 0.03 <= late / 140 <= 0.17
