from __future__ import annotations

from dataclasses import replace

import pytest

from makespan_analytics.profiles import profile_pipeline
from makespan_model.records import Result, StepKind, Usage
from support.pipeline_runs import job, run, step


def test_medians_are_taken_over_the_runs() -> None:
    runs = [run(job("a", 1, 1 + s + 2, step("x", 2, 2 + s, cpu_s=s / 2), queued_s=0.5)) for s in (1.0, 9.0, 4.0)]
    profile = profile_pipeline(runs)
    a = profile.jobs[0]
    assert (profile.runs, a.runs, a.failures, a.duration_s, a.overhead_s, a.queue_s) == (3, 3, 0, 6.0, 2.0, 0.5)
    assert (a.steps[0].duration_s, a.steps[0].durations_s, a.steps[0].cpu_s) == (4.0, (1.0, 9.0, 4.0), 2.0)


def test_failed_steps_are_counted_but_their_times_are_not() -> None:
    runs = [
        run(job("a", 0, 5, step("x", 0, s, result=result))) for s, result in [(4, Result.SUCCESS), (1, Result.FAILURE)]
    ]
    profiled = profile_pipeline(runs).jobs[0].steps[0]
    assert (profiled.runs, profiled.failures, profiled.durations_s) == (2, 1, (4.0,))


def test_where_nothing_succeeded_the_failures_are_all_there_is() -> None:
    profiled = profile_pipeline([run(job("a", 0, 5, step("x", 0, 2, result=Result.FAILURE)))]).jobs[0].steps[0]
    assert profiled.durations_s == (2.0,)


def test_skipped_jobs_and_steps_do_not_count() -> None:
    runs = [
        run(job("a", 0, 5, step("x", 0, 2), step("y", 2, 2, result=Result.SKIP))),
        run(job("a", 0, 0, result=Result.SKIP)),
    ]
    profile = profile_pipeline(runs)
    assert [job_.runs for job_ in profile.jobs] == [1]
    assert [item.path for item in profile.jobs[0].steps] == ["x"]


def test_what_was_never_measured_stays_unknown() -> None:
    profiled = profile_pipeline([run(job("a", 0, 5, step("x", 0, 2)))]).jobs[0]
    assert profiled.queue_s is None
    assert (profiled.steps[0].cpu_s, profiled.steps[0].memory_peak_bytes) == (None, None)


def test_steps_come_in_the_order_of_the_workflow_file_and_legs_are_pooled() -> None:
    usage = Usage(memory_peak_bytes=101)
    later = replace(step("b", 0, 1), index=1, kind=StepKind.USES, usage=usage)
    earlier = replace(step("a", 1, 2), index=0)
    runs = [run(job("t (1)", 0, 3, later, earlier, job_id="t"), job("t (2)", 0, 3, later, earlier, job_id="t"))]
    profile = profile_pipeline(runs)
    profiled = profile.job("t")
    assert profiled is not None
    assert [(item.path, item.runs) for item in profiled.steps] == [("a", 2), ("b", 2)]
    assert (profiled.steps[1].kind, profiled.steps[1].memory_peak_bytes) == (StepKind.USES, 101)
    assert profile.job("nowhere") is None


def test_no_runs_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        profile_pipeline([])


def test_a_command_wrapped_by_hand_is_the_same_step_in_every_run() -> None:
    runs = [
        run(job("a", 0, 5, step(f"/tests@{start_ns}", 0, 2))) for start_ns in (1795500970116219134, 1795500980116219134)
    ]
    steps = profile_pipeline(runs).jobs[0].steps
    assert [(item.path, item.runs) for item in steps] == [("/tests", 2)]


def test_a_name_with_a_version_is_not_cut() -> None:
    steps = profile_pipeline([run(job("a", 0, 5, step("/build@20241124", 0, 2)))]).jobs[0].steps
    assert steps[0].path == "/build@20241124"


def test_a_step_inside_a_step_is_no_time_saved_outside() -> None:
    profile = profile_pipeline([run(job("a", 0, 10, step("outer", 1, 6), step("outer/inner", 2, 5), step("b", 7, 9)))])
    assert profile.jobs[0].overhead_s == 3.0
