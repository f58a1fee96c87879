from __future__ import annotations

import random

import pytest

from makespan_analytics.caching.restores import restores_of
from makespan_analytics.caching.time_saved import FEWEST_PAIRS, saving
from makespan_model.records import PipelineRun, Result
from support.cache_runs import HIT, MISS, PARTIAL, cached_run


def _history(saved_s: float, *, drift_s: float = 0.0, runs: int = 120) -> list[PipelineRun]:
    """Jobs of a minute and `drift_s` more with every run; later, misses are more frequent and cost `saved_s`."""
    randomness = random.Random(5)
    found = []
    for number in range(runs):
        outcome = MISS if randomness.random() < number / runs * 0.6 else HIT
        job_s = 60 + drift_s * number + randomness.uniform(-2, 2) + (saved_s if outcome is MISS else 0)
        found.append(cached_run(number, outcome, hours=number, job_s=job_s))
    return found


@pytest.mark.parametrize("drift_s", [0.0, 1.0])
def test_what_a_hit_saves_is_found_however_the_job_drifts(drift_s: float) -> None:
    found = saving(restores_of(_history(25, drift_s=drift_s)))
    assert found is not None
    assert found.low <= 25 <= found.high
    assert found.seconds == pytest.approx(25, abs=1.5)
    assert found.is_certain


def test_a_cache_that_saves_nothing_is_not_certain_to_save() -> None:
    found = saving(restores_of(_history(0)))
    assert found is not None
    assert not found.is_certain


def test_legs_are_compared_with_themselves() -> None:
    runs = []
    for number in range(40):
        is_slow = number % 2 == 1
        outcome = MISS if number % 4 == 1 else HIT
        job_s = (600 if is_slow else 60) + (30 if outcome is MISS else 0)
        runs.append(cached_run(number, outcome, hours=number, job_s=job_s, label=f"build ({is_slow})"))
    found = saving(restores_of(runs))
    assert found is not None
    assert (found.seconds, found.pairs) == (30, 10)


def test_jobs_that_failed_tell_nothing_and_few_misses_too_little() -> None:
    hits = [cached_run(number, HIT, hours=number) for number in range(20)]
    misses = [cached_run(100 + number, MISS, hours=number + 0.5, job_s=90) for number in range(FEWEST_PAIRS)]
    failed = [cached_run(200, MISS, hours=0.7, job_s=5, result=Result.FAILURE)]
    assert saving(restores_of([*hits, *misses[1:], *failed])) is None
    found = saving(restores_of([*hits, *misses, *failed]))
    assert found is not None
    assert (found.seconds, found.pairs) == (30, FEWEST_PAIRS)
    assert saving(restores_of(misses)) is None
    assert saving(restores_of([*hits, *misses]), PARTIAL) is None
