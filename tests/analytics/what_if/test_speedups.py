from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from makespan_analytics.critical_path import SegmentKind
from makespan_analytics.what_if.replay import replayed_makespans_s, stacked_times_s
from makespan_analytics.what_if.speedups import History, virtual_speedups
from makespan_analytics.what_if.task_graph import Subject, task_graph
from makespan_model.errors import InputError
from makespan_model.records import PipelineRun
from support.pipeline_runs import graph_runs, job, messy_runs, run, step

BUILD = Subject(SegmentKind.STEP, "build", "compile")
TEST = Subject(SegmentKind.STEP, "test", "pytest")
LINT = Subject(SegmentKind.STEP, "lint", "ruff")


def _fork(run_id: str = "1", test_s: float = 30) -> PipelineRun:
    """build 10 s, then test (30 s) beside lint (5 s)."""
    return run(
        job("build", 0, 10, step("compile", 0, 10), needs=[]),
        job("test", 10, 10 + test_s, step("pytest", 10, 10 + test_s), needs=["build"]),
        job("lint", 10, 15, step("ruff", 10, 15), needs=["build"]),
        run_id=run_id,
    )


def _saved_s(runs: Sequence[PipelineRun], subject: Subject, speedup: float) -> float:
    return History(runs).gains([{subject: speedup}])[0].saved_s


def test_a_step_on_the_only_path_is_worth_its_time() -> None:
    assert _saved_s([_fork()], BUILD, 0.5) == pytest.approx(5)
    assert _saved_s([_fork()], BUILD, 1.0) == pytest.approx(10)


def test_a_step_beside_a_longer_one_is_worth_nothing() -> None:
    assert _saved_s([_fork()], LINT, 1.0) == 0


def test_a_step_is_worth_no_more_than_its_lead_over_the_next_path() -> None:
    assert _saved_s([_fork()], TEST, 1.0) == pytest.approx(25)


def test_two_steps_sped_up_together_are_worth_more_than_the_sum_where_both_hold_the_run_up() -> None:
    equal = run(
        job("test", 0, 20, step("pytest", 0, 20), needs=[]),
        job("lint", 0, 20, step("ruff", 0, 20), needs=[]),
    )

    one, both = History([equal]).gains([{TEST: 0.5}, {TEST: 0.5, LINT: 0.5}])

    assert one.saved_s == 0
    assert both.saved_s == pytest.approx(10)


def test_what_is_worth_most_comes_first_and_gaps_count_as_overhead_and_queueing() -> None:
    slow_start = run(
        job("build", 4, 20, step("compile", 9, 18), needs=[], queued_s=0),
        end_s=20,
    )

    found = virtual_speedups([slow_start], speedups=(1.0,))

    assert [one.subject.kind for one in found] == [SegmentKind.STEP, SegmentKind.OVERHEAD, SegmentKind.QUEUE]
    assert [one.gains[0].saved_s for one in found] == pytest.approx([9, 7, 4])
    assert [one.name for one in found] == ["compile", None, None]


def test_the_legs_of_a_matrix_get_faster_together() -> None:
    legs = run(
        job("test (1)", 0, 20, step("pytest", 0, 20), needs=[], job_id="test"),
        job("test (2)", 0, 30, step("pytest", 0, 30), needs=[], job_id="test"),
    )

    assert _saved_s([legs], TEST, 0.5) == pytest.approx(15)


def test_steps_side_by_side_in_one_job_hide_each_other() -> None:
    parallel = run(job("test", 0, 30, step("pytest", 0, 30), step("mypy", 0, 10), needs=[]))

    assert _saved_s([parallel], Subject(SegmentKind.STEP, "test", "mypy"), 1.0) == 0
    assert _saved_s([parallel], TEST, 1.0) == pytest.approx(20)


def test_runs_of_other_shapes_count_with_their_own_times() -> None:
    alone = run(job("build", 0, 10, step("compile", 0, 10), needs=[]), run_id="2")

    gain = History([_fork(), alone]).gains([{TEST: 1.0}])[0]

    assert gain.saved_s == pytest.approx(12.5)
    assert gain.low_s == 0
    assert gain.high_s == pytest.approx(25)
    assert gain.saved_ratio == pytest.approx(0.5)


def test_the_interval_narrows_with_the_runs() -> None:
    few = [_fork(str(number), 20 + number) for number in range(4)]
    many = [_fork(str(number), 20 + number % 4) for number in range(400)]

    (wide,), (narrow,) = History(few).gains([{TEST: 0.5}]), History(many).gains([{TEST: 0.5}])

    assert wide.saved_s == pytest.approx(narrow.saved_s)
    assert 0 < narrow.high_s - narrow.low_s < (wide.high_s - wide.low_s) / 5


def test_a_freed_runner_starts_the_next_job_sooner_where_runners_are_few() -> None:
    """Two runners; three jobs without needs: the third took the runner of the first."""
    queued = run(
        job("build", 0, 10, step("compile", 0, 10), needs=[], queued_s=0),
        job("test", 0, 30, step("pytest", 0, 30), needs=[], queued_s=0),
        job("lint", 11, 41, step("ruff", 11, 41), needs=[], queued_s=0),
    )

    limited = History([queued], runners=2).gains([{BUILD: 0.5}])[0]
    kept_gap = History([queued]).gains([{BUILD: 0.5}])[0]

    assert limited.saved_s == pytest.approx(5)
    assert kept_gap.saved_s == 0


def test_a_step_gets_faster_when_what_it_shares_the_cores_with_is_gone() -> None:
    """One core: two steps of 10 CPU seconds each took 20 s side by side."""
    shared = run(
        job("test", 0, 20, step("pytest", 0, 20, cpu_s=10), needs=[]),
        job("lint", 0, 20, step("ruff", 0, 20, cpu_s=10), needs=[]),
    )

    contended = History([shared], cores=1).gains([{LINT: 1.0}])[0]

    assert contended.saved_s == pytest.approx(10, rel=0.01)
    assert History([shared]).gains([{LINT: 1.0}])[0].saved_s == 0


def test_waiting_steps_do_not_slow_each_other_down() -> None:
    sleeping = run(
        job("test", 0, 20, step("pytest", 0, 20, cpu_s=0), needs=[]),
        job("lint", 0, 15, step("ruff", 0, 15, cpu_s=0), needs=[]),
    )

    assert History([sleeping], cores=1).gains([{LINT: 1.0}])[0].saved_s == 0


@given(messy_runs())
def test_a_replay_without_a_change_ends_when_the_run_did(messy: PipelineRun) -> None:
    try:
        graph = task_graph(messy)
    except InputError:
        graph = None
    assume(graph is not None)
    assert graph is not None

    replayed = replayed_makespans_s(graph.shape, stacked_times_s([graph]), np.ones((1, len(graph.times_ns))))

    assert replayed[0, 0] == pytest.approx(graph.makespan_ns / 1e9, abs=1e-12)


@given(graph_runs(), st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted))
def test_more_speed_up_saves_more_and_never_more_than_the_time_of_the_subject(
    measured: PipelineRun, parts: list[float]
) -> None:
    history = History([measured])
    for subject in history.subjects:
        less, more, all_of_it = history.gains([{subject: parts[0]}, {subject: parts[1]}, {subject: 1.0}])
        step_s = sum(
            one.duration_s
            for item in measured.jobs
            for one in item.steps
            if subject == Subject(SegmentKind.STEP, item.job_id, one.path)
        )

        assert -1e-12 <= less.saved_s <= more.saved_s + 1e-12 <= all_of_it.saved_s + 2e-12
        if subject.kind is SegmentKind.STEP:
            assert all_of_it.saved_s <= step_s + 1e-12


@given(graph_runs(), st.integers(1, 4))
def test_with_unlimited_cores_and_runners_both_ways_of_replaying_agree(measured: PipelineRun, times: int) -> None:
    plenty = History([measured], runners=1_000, cores=1_000.0)
    plain = History([measured])
    scenarios = [{subject: times / 4} for subject in plain.subjects]

    expected, simulated = plain.gains(scenarios), plenty.gains(scenarios)

    assert [gain.saved_s for gain in simulated] == pytest.approx([gain.saved_s for gain in expected], abs=1e-11)


def test_a_speed_up_outside_of_zero_to_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0 to 1, not 1\.5"):
        virtual_speedups([_fork()], speedups=(1.5,))


@pytest.mark.parametrize(("limits", "message"), [({"runners": 0}, "one runner"), ({"cores": 0.0}, "cores")])
def test_no_runner_and_no_core_are_refused(limits: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        History([_fork()], **limits)


def test_runs_in_which_nothing_ran_say_nothing() -> None:
    assert virtual_speedups([run(end_s=5)]) == ()
