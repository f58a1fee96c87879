from __future__ import annotations

from hypothesis import given

from makespan_analytics.critical_path import CriticalPath, SegmentKind, critical_path
from makespan_model.records import JobRun, PipelineRun, Result
from support.pipeline_runs import graph_runs, job, messy_runs, run, step

STEP, OVERHEAD, QUEUE, WAIT = SegmentKind.STEP, SegmentKind.OVERHEAD, SegmentKind.QUEUE, SegmentKind.WAIT
Tick = tuple[SegmentKind, str | None, str | None]


def told(path: CriticalPath) -> list[tuple[str, str | None, str | None, float]]:
    return [(segment.kind.value, segment.job, segment.step, segment.duration_s) for segment in path.segments]


def test_the_path_goes_through_the_need_that_ended_last() -> None:
    path = critical_path(
        run(
            job("lint", 0, 2, step("ruff", 0, 2), needs=()),
            job("build", 0, 5, step("make", 0, 5), needs=()),
            job("test", 5, 9, step("pytest", 5, 9), needs=("lint", "build")),
        )
    )
    assert told(path) == [("step", "build", "make", 5.0), ("step", "test", "pytest", 4.0)]
    assert path.makespan_s == 9.0


def test_queueing_overhead_and_the_end_of_the_run_are_kept_apart_from_execution() -> None:
    path = critical_path(
        run(
            job("a", 2, 6, step("x", 3, 5), needs=(), queued_s=1),
            job("b", 8, 10, step("y", 8, 10), needs=("a",), queued_s=6.5),
            end_s=11,
        )
    )
    assert told(path) == [
        ("wait", "a", None, 1.0),
        ("queue", "a", None, 1.0),
        ("overhead", "a", None, 1.0),
        ("step", "a", "x", 2.0),
        ("overhead", "a", None, 1.0),
        ("wait", "b", None, 0.5),
        ("queue", "b", None, 1.5),
        ("step", "b", "y", 2.0),
        ("wait", None, None, 1.0),
    ]
    assert path.seconds(QUEUE, WAIT) == 5.0


def test_without_a_queue_time_a_job_with_known_needs_queued_since_they_were_done() -> None:
    path = critical_path(run(job("a", 0, 1, needs=()), job("b", 3, 4, needs=("a",))))
    assert told(path)[1] == ("queue", "b", None, 2.0)


def test_without_a_graph_the_job_that_ended_last_before_the_start_comes_before() -> None:
    path = critical_path(run(job("a", 0, 2), job("b", 0, 3), job("c", 4, 6)))
    assert told(path) == [("overhead", "b", None, 3.0), ("wait", "c", None, 1.0), ("overhead", "c", None, 2.0)]


def test_the_leg_of_a_matrix_that_ended_last_holds_up_what_needs_the_job() -> None:
    path = critical_path(
        run(
            job("test (3.11)", 0, 2, job_id="test", needs=()),
            job("test (3.12)", 0, 4, job_id="test", needs=()),
            job("pack", 4, 5, needs=("test",)),
        )
    )
    assert [segment.job for segment in path.segments] == ["test (3.12)", "pack"]


def test_a_skipped_job_passes_on_what_it_waited_for() -> None:
    path = critical_path(
        run(
            job("a", 0, 3, needs=()),
            job("deploy", 3, 3, needs=("a",), result=Result.SKIP),
            job("report", 3, 4, needs=("deploy",)),
        )
    )
    assert [segment.job for segment in path.segments] == ["a", "report"]


def test_an_instantaneous_gate_does_not_break_the_chain() -> None:
    path = critical_path(
        run(job("a", 0, 3, needs=()), job("gate", 3, 3, needs=("a",)), job("b", 3, 5, needs=("gate",)))
    )
    assert told(path) == [("overhead", "a", None, 3.0), ("overhead", "b", None, 2.0)]


def test_a_failed_job_that_ended_the_run_is_on_the_path() -> None:
    path = critical_path(run(job("a", 0, 3, step("x", 0, 3, result=Result.FAILURE), result=Result.FAILURE)))
    assert told(path) == [("step", "a", "x", 3.0)]


def test_of_steps_side_by_side_the_one_that_ended_last_counts() -> None:
    path = critical_path(run(job("a", 0, 6, step("short", 1, 3), step("long", 1, 5), step("after", 5, 6))))
    assert [(segment.step, segment.duration_s) for segment in path.segments] == [(None, 1), ("long", 4), ("after", 1)]


def test_a_run_without_jobs_is_one_wait() -> None:
    assert told(critical_path(run(end_s=3))) == [("wait", None, None, 3.0)]


def test_needs_in_a_circle_do_not_hang_the_walk() -> None:
    path = critical_path(run(job("a", 0, 2, needs=("b",)), job("b", 2, 4, needs=("a",))))
    assert sum(segment.duration_ns for segment in path.segments) == 4_000_000_000


@given(messy_runs())
def test_segments_tile_the_makespan_exactly_whatever_was_recorded(any_run: PipelineRun) -> None:
    cursor = 0
    for segment in critical_path(any_run).segments:
        assert segment.start_ns == cursor
        assert segment.duration_ns > 0
        cursor += segment.duration_ns
    assert cursor == any_run.end_ns - any_run.start_ns


@given(graph_runs())
def test_the_walk_agrees_with_one_that_looks_at_every_tick(real_run: PipelineRun) -> None:
    path = critical_path(real_run)
    ticks = [(segment.kind, segment.job, segment.step) for segment in path.segments for _ in range(segment.duration_ns)]
    assert ticks == slow_ticks(real_run)


def slow_ticks(real_run: PipelineRun) -> list[Tick]:
    """What holds the run up during each tick, found by asking for one tick after the other from the end."""
    jobs = {item.name: item for item in real_run.jobs}
    ticks: list[Tick] = []
    current: JobRun | None = None
    for tick in range(real_run.end_ns - 1, real_run.start_ns - 1, -1):
        if current is None:
            current = max(
                (item for item in jobs.values() if item.result is not Result.SKIP and item.end_ns == tick + 1),
                key=lambda item: item.name,
                default=None,
            )
            if current is None:
                ticks.append((WAIT, None, None))
                continue
        if tick < current.start_ns:
            before = [jobs[name] for name in ancestors_that_ran(current, jobs)]
            latest = max(before, key=lambda item: (item.end_ns, item.name), default=None)
            if latest is not None and latest.end_ns > tick:
                current = latest
        if tick < current.start_ns:
            assert current.queued_ns is not None
            ticks.append((QUEUE if tick >= current.queued_ns else WAIT, current.name, None))
            continue
        running = [item for item in current.steps if item.start_ns <= tick < item.end_ns]
        ticks.append((STEP, current.name, running[0].name) if running else (OVERHEAD, current.name, None))
    return ticks[::-1]


def ancestors_that_ran(item: JobRun, jobs: dict[str, JobRun]) -> set[str]:
    found: set[str] = set()
    for need in item.needs or ():
        found |= {need} if jobs[need].result is not Result.SKIP else ancestors_that_ran(jobs[need], jobs)
    return found


def test_offsets_count_from_the_start_of_the_run() -> None:
    path = critical_path(run(job("a", 1, 2, needs=())))
    assert [segment.start_s for segment in path.segments] == [0.0, 1.0]
