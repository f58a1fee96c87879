from __future__ import annotations

import numpy as np
import pytest

from makespan_analytics.cost.price_tables import price_table
from makespan_analytics.sizing.cpu_demand import Demand
from makespan_analytics.sizing.runner_choice import RunnerChoice, choose_runner

GB = 1e9


def choose(
    cores: float,
    gigabytes: float,
    *,
    seconds: int = 600,
    runs: int = 60,
    provider: str = "github",
    arch: str = "x64",
) -> RunnerChoice:
    table = price_table(provider)
    assert table is not None
    choice = choose_runner(
        table,
        demands=[Demand(np.full(seconds, cores), np.ones(seconds))] * runs,
        peaks=np.full(runs, gigabytes * GB),
        durations_s=np.full(runs, float(seconds)),
        is_saturated=False,
        arch=arch,
    )
    assert choice is not None
    return choice


def advised(choice: RunnerChoice) -> str | None:
    return None if choice.advised is None else choice.advised.runner.name


def test_the_cheapest_that_is_fast_enough_and_large_enough_is_advised() -> None:
    assert advised(choose(0.5, 1)) == "Linux 1-core"
    assert advised(choose(1.9, 1)) == "Linux 2-core"
    assert advised(choose(0.5, 12)) == "Linux 4-core"
    assert advised(choose(7.5, 1)) == "Linux 8-core"
    assert advised(choose(1.9, 1, provider="gitlab")) == "small"
    assert advised(choose(1.9, 1, arch="arm64")) == "Linux 2-core arm64"


def test_what_no_class_can_hold_gets_none() -> None:
    assert advised(choose(1, 500)) is None


def test_the_price_of_a_run_is_rounded_as_it_is_billed() -> None:
    fit = next(fit for fit in choose(1, 1, seconds=61).fits if fit.runner.name == "Linux 2-core")
    assert fit.usd_per_run == pytest.approx(2 * 0.006)
    gitlab = next(fit for fit in choose(1, 1, seconds=61, provider="gitlab").fits if fit.runner.name == "small")
    assert gitlab.usd_per_run == pytest.approx(61 / 60 * 0.01)


def test_too_few_runs_fit_nothing() -> None:
    choice = choose(1, 1, runs=3)
    assert choice.advised is None
    assert all(fit.oom_risk is None for fit in choice.fits)


def test_graphics_runners_are_not_offered() -> None:
    assert all("GPU" not in fit.runner.name for fit in choose(1, 1, provider="gitlab").fits)


def test_a_job_longer_than_a_class_allows_goes_to_the_next() -> None:
    assert advised(choose(0.5, 1, seconds=890)) == "Linux 1-core"
    assert advised(choose(0.5, 1, seconds=950)) == "Linux 2-core"
