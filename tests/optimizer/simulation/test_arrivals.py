from __future__ import annotations

import numpy as np
import pytest

from makespan_model.errors import InputError, UsageError
from makespan_model.records import PipelineRun
from makespan_optimizer.simulation.arrivals import Arrivals, recorded_arrivals, stream_s, warm_up_runs
from makespan_optimizer.simulation.observations import observe
from makespan_optimizer.simulation.shape import JobShape, PipelineShape
from makespan_optimizer.simulation.simulate import Question, simulate
from support.pipeline_runs import job, run
from support.simulated_draws import pipeline

SHAPE = pipeline(JobShape("a", "a", labels=("x",)))


def ten_seconds(count: int = 20) -> list[PipelineRun]:
    return [run(job("a", 0, 10, needs=())) for _ in range(count)]


def ask(question: Question, shape: PipelineShape = SHAPE) -> float:
    told = simulate(shape, observe(shape, ten_seconds()), question)
    (pool,) = told.pools
    assert pool.wait_s.mean.error is not None
    assert pool.wait_s.mean.error < 0.2 * pool.wait_s.mean.value
    return (pool.wait_s.mean.value - pool_wait_s(question)) / pool.wait_s.mean.error


def pool_wait_s(question: Question) -> float:
    """Pollaczek-Khinchine for constant service of 10 s and one runner."""
    assert question.arrivals is not None
    rate = question.arrivals.per_hour / 3600
    return rate * 100 / (2 * (1 - rate * 10))


def test_a_whole_simulation_of_arrivals_waits_as_theory_says() -> None:
    for per_hour, runs in ((180.0, 6000), (270.0, 20_000)):
        assert abs(ask(Question(runs=runs, runners={"x": 1}, arrivals=Arrivals(per_hour)))) < 4


def test_runs_of_several_stages_load_the_pool_to_the_end_of_a_stream() -> None:
    """The load of later runs must meet the last ones that are told of: utilisation is rate times work."""
    shape = pipeline(*(JobShape(f"j{n}", f"j{n}", (f"j{n - 1}",) if n else (), labels=("x",)) for n in range(5)))
    jobs = [job(f"j{n}", 10 * n, 10 * n + 10, needs=(f"j{n - 1}",) if n else ()) for n in range(5)]
    seen = observe(shape, [run(*jobs) for _ in range(20)])
    (pool,) = simulate(shape, seen, Question(runs=4000, runners={"x": 1}, arrivals=Arrivals(50))).pools
    assert pool.utilisation.error is not None
    assert abs(pool.utilisation.value - 50 * 50 / 3600) < 4 * pool.utilisation.error


def test_recorded_arrivals_keep_their_bursts() -> None:
    starts_ns = [int((minute * 3600 + second) * 1e9) for minute in range(10) for second in (0, 1, 2)]
    arrivals = recorded_arrivals(starts_ns)
    assert arrivals.per_hour == pytest.approx(29 / (9 * 3600 + 2) * 3600)
    gaps = np.diff(stream_s(arrivals, 200, 1, 0))
    assert set(np.round(gaps)) == {1.0, 3598.0}
    assert np.mean(gaps < 2) == pytest.approx(2 / 3, abs=0.05)


def test_few_recorded_runs_tell_no_arrivals() -> None:
    with pytest.raises(InputError, match="19 recorded runs are too few to replay arrivals"):
        recorded_arrivals(list(range(19)))
    with pytest.raises(InputError, match="at one instant"):
        recorded_arrivals([5] * 30)


def test_a_busy_pool_takes_longer_to_settle() -> None:
    counts = [warm_up_runs({"x": load}, {"x": 1}) for load in (0.1, 0.5, 0.9, 0.98)]
    assert counts == sorted(counts)
    assert counts[0] < 25 < 500 < counts[-1]


def test_a_pool_nobody_asks_for_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no job of ci\.yml asks for a runner 'y'; they ask for: x"):
        ask(Question(runners={"y": 1}))


def test_more_runs_than_fit_into_memory_are_refused() -> None:
    with pytest.raises(UsageError, match="at most 10000000 can be simulated"):
        simulate(SHAPE, observe(SHAPE, ten_seconds()), Question(runs=10_000_001))
