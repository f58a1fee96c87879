from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from makespan_analytics.profiles.drifts import drifts
from makespan_analytics.profiles.trend import FEWEST
from makespan_model.records import PipelineRun, Result
from support.pipeline_runs import SECOND, job, run


def _history(count: int, test_s: Callable[[int], float]) -> list[PipelineRun]:
    """Two runs a day of a steady build and a test."""
    randomness, found = random.Random(3), []
    for number in range(count):
        build, test = 20 + randomness.uniform(-1, 1), test_s(number) + randomness.uniform(-1, 1)
        one = run(job("build", 0, build, needs=[]), job("test", build, build + test, needs=["build"]))
        shift_ns = number * 12 * 3_600 * SECOND
        found.append(
            replace(
                one,
                identity=replace(one.identity, run_id=f"{number:03}"),
                start_ns=one.start_ns + shift_ns,
                end_ns=one.end_ns + shift_ns,
            )
        )
    return found


def test_what_grows_little_by_little_is_named_the_whole_first() -> None:
    found = drifts(_history(100, lambda number: 60 + number / 5))
    assert [one.job for one in found] == [None, "test"]
    test = found[1]
    assert (test.runs, test.run_ids) == (100, ("000", "099"))
    assert test.start_s == pytest.approx(60, abs=1)
    assert test.end_s == pytest.approx(60 + 99 / 5, abs=1)
    assert test.trend.per_week == pytest.approx(14 / 5, rel=0.05)


def test_a_change_of_level_and_steady_times_are_no_drift() -> None:
    assert drifts(_history(100, lambda number: 60 if number < 50 else 90)) == ()
    assert drifts(_history(100, lambda _: 60)) == ()


def test_failures_and_too_few_runs_say_nothing() -> None:
    growing = _history(100, lambda number: 60 + number)
    assert drifts(growing[: FEWEST - 1]) == ()
    failed = [
        replace(one, result=Result.FAILURE, jobs=tuple(replace(item, result=Result.FAILURE) for item in one.jobs))
        for one in growing
    ]
    assert drifts(failed) == ()
