from __future__ import annotations

from dataclasses import replace

import pytest

from makespan_analytics.cost.job_costs import JobCost, job_cost
from makespan_model.records import JobRun, Result
from support.pipeline_runs import job
from support.priced_runs import OWN_USD_PER_HOUR, linux, of_provider, on


def cost(item: JobRun, **facts: str) -> JobCost:
    run = of_provider(item, **facts)  # type: ignore[arg-type]
    return job_cost(run, run.jobs[0], OWN_USD_PER_HOUR)


@pytest.mark.parametrize(("seconds", "minutes"), [(1, 1), (59, 1), (60, 1), (60.5, 2), (121, 3), (0, 1)])
def test_github_bills_every_minute_that_was_begun(seconds: float, minutes: int) -> None:
    found = cost(linux("test", 0, seconds))
    assert found.usd == pytest.approx(minutes * 0.006)
    assert found.billed_s == minutes * 60
    assert found.price == "Linux 2-core"


def test_gitlab_bills_seconds_by_cost_factor() -> None:
    found = cost(on("saas-linux-medium-amd64", job("test", 0, 90)), provider="gitlab")
    assert found.usd == pytest.approx(1.5 * 2 * 0.01)


def test_own_runners_cost_their_hourly_price_by_the_second() -> None:
    assert cost(on("ours", job("test", 0, 90))).usd == pytest.approx(0.09)


def test_a_job_without_tags_is_hosted_on_gitlab_com_alone() -> None:
    untagged = replace(job("test", 0, 60), runner_labels=())
    assert cost(untagged, provider="gitlab", url="https://gitlab.com/o/r/-/pipelines/1").usd == pytest.approx(0.01)
    assert cost(untagged, provider="gitlab", url="https://git.example.com/o/r").usd is None
    assert cost(untagged, provider="gitlab").usd is None


@pytest.mark.parametrize(
    ("label", "provider", "why"),
    [
        ("our-big-one", "github", "label our-big-one is not in the price table of"),
        ("self-hosted", "github", "own runner self-hosted: no price in [runner_usd_per_hour]"),
        (None, "github", "nobody recorded which runner it asked for"),
        ("linux", "jenkins", "no prices are known of jenkins's runners"),
    ],
)
def test_what_has_no_known_price_is_not_guessed(label: str | None, provider: str, why: str) -> None:
    found = cost(on(label, job("test", 0, 90)), provider=provider)
    assert found.usd is None
    assert found.price is None
    assert found.unpriced.startswith(why)


def test_a_skipped_job_costs_nothing() -> None:
    assert cost(linux("test", 0, 0, result=Result.SKIP)).usd == 0
