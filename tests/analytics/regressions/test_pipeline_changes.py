from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from makespan_analytics.regressions.history_series import Measure, pipeline_series
from makespan_analytics.regressions.pipeline_changes import PipelineChanges, pipeline_changes
from makespan_collector.store.series import job_series_of, run_series_of, step_series_of
from makespan_model.records import PipelineRun, Result
from support.pipeline_runs import job, run, step

OCTO = ("octo/app", "ci")


def _history(
    runs: int, test_s: Callable[[int], float], *, build_s: Callable[[int], float] = lambda _: 20.0, noise_s: float = 0.3
) -> list[PipelineRun]:
    """build, then test: every run of a commit of its own, durations with some noise."""
    randomness = random.Random(4)
    found = []
    for number in range(runs):
        build = build_s(number) + randomness.uniform(-noise_s, noise_s)
        test = test_s(number) + randomness.uniform(-noise_s, noise_s)
        one = run(
            job("build", 0, build, step("compile", 0, build, cpu_s=build), needs=[]),
            job("test", build, build + test, step("pytest", build, build + test, cpu_s=test / 2), needs=["build"]),
            run_id=f"{number:03}",
        )
        shift_ns = number * 3_600 * 10**9
        found.append(
            replace(
                one,
                commit=f"c{number:03}",
                start_ns=one.start_ns + shift_ns,
                end_ns=one.end_ns + shift_ns,
            )
        )
    return found


def _changes(runs: Sequence[PipelineRun]) -> PipelineChanges:
    series = pipeline_series(run_series_of(runs), job_series_of(runs), step_series_of(runs))
    return pipeline_changes(OCTO, series)


def test_a_slower_step_is_found_with_the_commits_it_lies_between() -> None:
    found = _changes(_history(60, lambda number: 30 if number < 40 else 45))

    (cause,) = found.causes
    change = cause.headline
    assert (change.subject.job, change.measure, change.is_regression) == (None, Measure.DURATION, True)
    assert (change.last_good, change.first_bad) == (("039", "c039"), ("040", "c040"))
    assert 0.25 < change.point.relative_change < 0.35
    assert change.is_current


def test_what_began_together_is_one_cause_the_pipeline_first() -> None:
    (cause,) = _changes(_history(60, lambda number: 30 if number < 40 else 45)).causes

    assert [(change.subject.name, change.measure) for change in cause.changes] == [
        ("whole pipeline", Measure.DURATION),
        ("test", Measure.DURATION),
        ("test: pytest", Measure.DURATION),
        ("whole pipeline", Measure.CPU),
        ("test: pytest", Measure.CPU),
    ]


def test_two_causes_are_told_apart_the_newest_first() -> None:
    found = _changes(
        _history(80, lambda number: 30 if number < 50 else 45, build_s=lambda number: 20 if number < 25 else 28)
    )

    assert [cause.headline.first_bad[0] for cause in found.causes] == ["050", "025"]
    assert [change.subject.name for change in found.causes[1].changes if change.is_current][:1] == ["build"]


def test_a_speed_up_is_a_change_and_no_regression() -> None:
    (cause,) = _changes(_history(60, lambda number: 45 if number < 30 else 30)).causes

    assert not cause.headline.is_regression


def test_ids_stay_when_the_history_grows() -> None:
    longer = _history(70, lambda number: 30 if number < 40 else 45)

    before, after = _changes(longer[:60]), _changes(longer)

    assert [c.change_id for c in before.causes[0].changes] == [c.change_id for c in after.causes[0].changes]


def test_failed_runs_are_not_compared_with_successful_ones() -> None:
    runs = [
        replace(
            one,
            result=Result.FAILURE,
            jobs=tuple(
                replace(
                    item,
                    result=Result.FAILURE,
                    steps=tuple(replace(part, result=Result.FAILURE) for part in item.steps),
                )
                for item in one.jobs
            ),
        )
        if number >= 40
        else one
        for number, one in enumerate(_history(60, lambda number: 30 if number < 40 else 3))
    ]

    assert _changes(runs).causes == ()


def test_changes_nobody_would_act_on_are_left_out() -> None:
    assert _changes(_history(60, lambda number: 3.0 if number < 40 else 3.6, noise_s=0.05)).causes == ()


def test_a_short_history_is_said_to_be_too_short() -> None:
    found = _changes(_history(9, lambda _: 30))

    assert (found.causes, found.series) == ((), 0)
    assert found.too_short > 0
