"""The simulator against results that are known exactly, within the error of a simulation of fixed seed."""

from __future__ import annotations

from math import factorial, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_optimizer.simulation.draws import Floats
from makespan_optimizer.simulation.shape import JobShape
from makespan_optimizer.simulation.shared_replay import play_shared
from makespan_optimizer.simulation.unlimited_replay import play_unlimited
from support.simulated_draws import draws, pipeline

SERVER = pipeline(JobShape("job", "job", labels=("linux",)))
MOST_ERRORS = 4.0
"""Standard errors: one of 16,000 right results is further away, and seeds are fixed."""


def waits_s(random: np.random.Generator, services_s: Floats, runners: int, arrivals_per_s: float) -> Floats:
    """Waiting times of one job a run, the first tenth (the queue begins empty) left out."""
    arrivals_s = np.cumsum(random.exponential(1 / arrivals_per_s, len(services_s)))
    played = play_shared(SERVER, draws(services_s[:, None]), runners={"linux": runners}, arrivals_s=arrivals_s)
    return played.wait_s[len(services_s) // 10 :, 0]


def assert_mean(streams: list[Floats], expected: float) -> None:
    """The mean over independent streams is within their own standard error."""
    means = np.array([stream.mean() for stream in streams])
    error = means.std(ddof=1) / sqrt(len(means))
    assert error < 0.1 * expected, "the simulation is too short to tell anything"
    assert abs(means.mean() - expected) < MOST_ERRORS * error


def erlang_c(servers: int, load: float) -> float:
    """The probability of having to wait (Kleinrock, Queueing Systems vol. 1, equation 3.40)."""
    full = load**servers / factorial(servers) * servers / (servers - load)
    return full / (sum(load**k / factorial(k) for k in range(servers)) + full)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (1, 0.8), (3, 2.1), (8, 6.0)])
def test_waits_of_poisson_arrivals_and_exponential_jobs_are_those_of_erlang(servers: int, load: float) -> None:
    random = np.random.default_rng(7)
    streams = [waits_s(random, random.exponential(1.0, 4000), servers, arrivals_per_s=load) for _ in range(12)]
    assert_mean(streams, erlang_c(servers, load) / (servers - load))
    waited = [(stream > 0).astype(np.float64) for stream in streams]
    assert_mean(waited, erlang_c(servers, load))


@pytest.mark.parametrize("shape", ["constant", "two modes", "uniform"])
def test_waits_for_one_runner_are_those_of_pollaczek_and_khinchine(shape: str) -> None:
    random = np.random.default_rng(11)

    def services_s() -> Floats:
        if shape == "two modes":  # A cache hit or miss.
            return np.where(random.random(4000) < 0.8, 0.5, 3.0)
        return random.uniform(0.0, 2.0, 4000) if shape == "uniform" else np.ones(4000)

    square = {"constant": 1.0, "two modes": 0.8 * 0.25 + 0.2 * 9.0, "uniform": 4 / 3}[shape]
    rate = 0.7
    streams = [waits_s(random, services_s(), 1, rate) for _ in range(12)]
    # Mean wait = arrival rate x mean squared service / (2 (1 - utilisation)); mean service is 1 in all three.
    assert_mean(streams, rate * square / (2 * (1 - rate)))


def test_a_fork_of_exponential_jobs_joins_after_the_harmonic_number_of_means() -> None:
    random = np.random.default_rng(3)
    jobs, mean_s = 6, 10.0
    shape = pipeline(*(JobShape(f"j{number}", f"j{number}") for number in range(jobs)))
    played = play_unlimited(shape, draws(random.exponential(mean_s, (40_000, jobs))))
    harmonic = sum(1 / number for number in range(1, jobs + 1))
    assert_mean(np.array_split(played.makespan_s, 20), mean_s * harmonic)


def test_a_chain_of_exponential_jobs_has_their_summed_mean_and_variance() -> None:
    random = np.random.default_rng(5)
    jobs = [JobShape(f"j{number}", f"j{number}", (f"j{number - 1}",) if number else ()) for number in range(5)]
    played = play_unlimited(pipeline(*jobs), draws(random.exponential(2.0, (40_000, 5))))
    assert_mean(np.array_split(played.makespan_s, 20), 5 * 2.0)
    assert_mean([part**2 for part in np.array_split(played.makespan_s - 10.0, 20)], 5 * 2.0**2)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.integers(1, 4))
def test_no_schedule_is_longer_than_grahams_bound_nor_shorter_than_work_and_path(
    seconds: list[int], runners: int
) -> None:
    """Graham 1969: a list schedule takes at most work / m + (1 - 1/m) x critical path."""
    choose = np.random.default_rng(sum(seconds) * 31 + runners)
    jobs: list[JobShape] = []
    path_s: list[int] = []
    for number, duration_s in enumerate(seconds):
        needs = [other for other in range(number) if choose.random() < 0.25]
        jobs.append(JobShape(f"j{number}", f"j{number}", tuple(f"j{other}" for other in needs), labels=("linux",)))
        path_s.append(duration_s + max((path_s[other] for other in needs), default=0))
    played = play_shared(pipeline(*jobs), draws([seconds]), runners={"linux": runners})
    makespan_s, work_s = float(played.makespan_s[0]), sum(seconds)
    assert makespan_s <= work_s / runners + (1 - 1 / runners) * max(path_s) + 1e-9
    assert makespan_s >= max(max(path_s), work_s / runners) - 1e-9
    if runners == 1:
        assert makespan_s == work_s
