from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from makespan_analytics.caching.cache_statistics import cache_statistics
from makespan_analytics.caching.hit_ratios import HitCounts
from makespan_analytics.caching.miss_reasons import MissReason
from makespan_analytics.caching.restores import restores, restores_of
from makespan_collector.store.opening import open_store
from makespan_collector.store.series import job_series_of, step_series_of
from makespan_model.records import CacheOutcome, Result
from support.cache_runs import HIT, MISS, PARTIAL, cached_run
from support.span_rows import EPOCH, SECOND, run_rows


def test_each_cache_says_what_it_saves_and_loses_by_branch() -> None:
    runs = [
        cached_run(
            number,
            MISS if number % 4 == 3 else HIT,
            hours=number,
            job_s=90 if number % 4 == 3 else 60,
            ref="main" if number % 2 else "x",
            written_bytes=1000 if number % 4 != 3 else 7,
        )
        for number in range(40)
    ]
    (found,) = cache_statistics(restores_of(runs), default_branch="main")
    assert (found.job_id, found.step, found.name, found.counts) == ("build", "#1", "cache", HitCounts(30, 0, 10))
    assert found.hit_saves is not None
    assert (found.hit_saves.seconds, found.saved_s, found.lost_s) == (30, 900, 300)
    assert (found.partial_costs, found.restore_s, found.written_bytes) == (None, 1, 1000)
    assert [(one.branch, one.counts.misses, one.lost_s) for one in found.branches] == [("main", 10, 300), ("x", 0, 0)]
    assert [(one.reason, one.misses) for one in found.reasons] == [(MissReason.CHANGED_OR_EVICTED, 10)]
    assert found.reasons[0].run_ids == ("039", "035", "031", "027", "023")


def test_with_few_misses_counts_are_told_and_savings_are_not() -> None:
    (found,) = cache_statistics(restores_of([cached_run(1, PARTIAL, hours=0), cached_run(2, HIT, hours=1)]))
    assert (found.counts, found.hit_saves, found.saved_s, found.lost_s) == (HitCounts(1, 1, 0), None, None, None)
    assert (found.reasons[0].misses, found.reasons[0].partials, found.trend) == (0, 1, None)
    assert (found.branches[0].saved_s, found.written_bytes) == (None, None)


def test_the_cache_that_loses_most_comes_first_and_none_is_nothing() -> None:
    runs = [
        cached_run(number, MISS if number % 2 else HIT, hours=number, job_s=60 + number % 2) for number in range(40)
    ]
    cheap = [replace(one, jobs=tuple(replace(job, job_id="a", name="a") for job in one.jobs)) for one in runs]
    dear = [
        replace(
            cached_run(number, MISS if number % 2 else HIT, hours=number, job_s=60 + 50 * (number % 2)),
            identity=one.identity,
        )
        for number, one in enumerate(runs)
    ]
    both = [replace(one, jobs=(*one.jobs, *other.jobs)) for one, other in zip(cheap, dear, strict=True)]
    assert [one.job_id for one in cache_statistics(restores_of(both))] == ["build", "a"]
    assert cache_statistics([]) == ()


def test_tables_and_records_tell_the_same_restores_whatever_became_of_the_jobs() -> None:
    runs = [
        cached_run(1, HIT, hours=0, event="pull_request", written_bytes=5),
        cached_run(2, MISS, hours=1, result=Result.FAILURE, ref=None),
        cached_run(3, PARTIAL, hours=2, running=True, provider="gitlab", event="merge_request_event"),
        cached_run(4, HIT, hours=2, label="build (2)", job_s=61.25),
    ]
    found = restores(job_series_of(runs), step_series_of(runs))
    assert found == restores_of(runs)
    assert [one.scope.review for one in found] == [True, False, True, False]


def test_restores_out_of_a_store_are_those_of_its_records(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        for number in range(6):
            outcome = (CacheOutcome.HIT, CacheOutcome.MISS, None)[number % 3]
            rows = run_rows(
                f"{number}", {"b": [("cache", 0, 2), ("make", 2, 9)]}, start_ns=EPOCH + number * 60 * SECOND
            )
            store.append(
                spans=[replace(row, cache_outcome=outcome) if row.step_path == "cache" else row for row in rows]
            )
        found = restores(store.job_series(), store.step_series())
        runs = store.runs()
    assert found == restores_of(runs)
    assert [one.outcome for one in found] == [HIT, MISS, HIT, MISS]
    assert all(one.job_s == 9 for one in found)
