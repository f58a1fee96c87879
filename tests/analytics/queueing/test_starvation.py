from __future__ import annotations

import heapq
import random
from dataclasses import replace

from makespan_analytics.queueing.starvation import PoolStanding, Verdict, pool_standings
from makespan_model.records import PipelineRun
from support.pipeline_runs import job, run

BUSY_S = 100.0


def _history(runners: int, arrivals_s: list[float], *, pickup_s: float = 2.0, labels: str = "big") -> list[PipelineRun]:
    """What a first-come-first-served pool of runners makes of jobs that arrive so, each of `BUSY_S`."""
    free_s = [0.0] * runners
    runs = []
    for number, arrival_s in enumerate(sorted(arrivals_s)):
        taken_s = max(arrival_s, heapq.heappop(free_s)) + pickup_s
        heapq.heappush(free_s, taken_s + BUSY_S)
        item = replace(job("test", taken_s, taken_s + BUSY_S, queued_s=arrival_s), runner_labels=(labels,))
        runs.append(run(item, run_id=str(number)))
    return runs


def _arrivals(load: float, runners: int, count: int = 2_000) -> list[float]:
    """Poisson arrivals that keep the pool this busy."""
    randomness = random.Random(5)
    now_s, found = 0.0, []
    for _ in range(count):
        now_s += randomness.expovariate(load * runners / BUSY_S)
        found.append(now_s)
    return found


def _one(runs: list[PipelineRun]) -> PoolStanding:
    (found,) = pool_standings(runs)
    return found


def test_a_pool_with_runners_to_spare_is_fine_and_its_pickup_is_found() -> None:
    pool = _one(_history(50, _arrivals(0.3, 10)))

    assert pool.verdict is Verdict.FINE
    assert abs(pool.pickup_s - 2.0) < 0.01
    assert pool.starved_s < 0.1


def test_a_pool_that_is_always_full_is_starved_and_its_size_is_seen() -> None:
    pool = _one(_history(5, _arrivals(0.99, 5)))

    assert (pool.verdict, pool.most_at_once) == (Verdict.STARVED, 5)
    assert pool.starved_s > 5 * pool.excess_s
    assert pool.late_queue_s > pool.queue_s > pool.pickup_s


def test_a_single_runner_may_be_starved_too() -> None:
    pool = _one(_history(1, _arrivals(0.95, 1)))

    assert (pool.verdict, pool.most_at_once) == (Verdict.STARVED, 1)


def test_a_pool_that_is_full_at_times_is_tight() -> None:
    assert _one(_history(5, _arrivals(0.7, 5))).verdict is Verdict.TIGHT


def test_long_waits_without_load_are_no_lack_of_runners() -> None:
    pool = _one(_history(50, _arrivals(0.3, 10), pickup_s=60.0))

    assert pool.verdict is Verdict.SLOW_PICKUP
    assert abs(pool.pickup_s - 60.0) < 0.01


def test_labels_are_pools_of_their_own_and_the_one_that_waits_most_comes_first() -> None:
    starved = _history(2, _arrivals(0.99, 2), labels="gpu")
    idle = _history(50, _arrivals(0.1, 10), labels="small")

    assert [pool.labels for pool in pool_standings([*idle, *starved])] == [("gpu",), ("small",)]


def test_few_jobs_and_jobs_of_unknown_queueing_say_nothing() -> None:
    few = _history(5, _arrivals(0.9, 5, count=19))
    unknown = [run(job("test", 0, 10), run_id=str(number)) for number in range(50)]

    assert pool_standings([*few, *unknown]) == ()


def test_the_hours_of_a_day_are_told_apart() -> None:
    pool = _one(_history(1, [number * 200.0 for number in range(40)]))

    assert [hour for hour, _ in pool.by_hour_s] == [0, 22, 23]
    assert {wait_s for _, wait_s in pool.by_hour_s} == {2.0}
