from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from makespan_analytics.findings.finding import Confidence, Finding, FindingKind
from makespan_analytics.pipeline_report import pipeline_findings
from makespan_model.records import JobRun, Result, Usage
from support.pipeline_histories import Jobs, history
from support.pipeline_runs import job, step

GIB = 1024**3


def using(label: str, *, seconds: float = 600, killed_every: int = 0, **usage: Any) -> Jobs:
    """One job of one step that used one core most of the time, and what else is given."""

    def jobs(number: int, chance: random.Random) -> list[JobRun]:
        cpu_s = seconds * chance.uniform(0.8, 0.9)
        is_killed = killed_every > 0 and number % killed_every == 0
        result = Result.FAILURE if is_killed else Result.SUCCESS
        made = replace(
            step("x", 0, seconds, result=result),
            usage=Usage(cpu_user_s=cpu_s, oom_kills=int(is_killed), **usage),
        )
        return [replace(job("build", 0, seconds, made, needs=(), result=result), runner_labels=(label,))]

    return jobs


def sizes(count: int, jobs: Jobs) -> list[Finding]:
    kinds = (FindingKind.TOO_SMALL, FindingKind.TOO_LARGE)
    return [one for one in pipeline_findings(history(count, jobs)) if one.kind in kinds]


def test_a_runner_dearer_than_needed_is_too_large_and_the_cheaper_one_is_named() -> None:
    small = {"memory_peak_bytes": GIB, "host_cpus": 2, "host_memory_bytes": 8 * GIB}
    (found,) = sizes(40, using("ubuntu-latest", **small))
    assert found.kind is FindingKind.TOO_LARGE
    assert "Run build on ubuntu-slim instead of Linux 2-core" in found.advice
    # 10 minutes at 0.006 or 0.002 USD, three times a day.
    assert found.effect.usd_per_month == pytest.approx(10 * 0.004 * 40 / 39 * 3 * 365.25 / 12, rel=0.01)
    assert found.confidence is Confidence.LOW, "peaks of CPU are not known without samples"


def test_a_few_cents_a_month_are_no_finding() -> None:
    small = {"memory_peak_bytes": GIB, "host_cpus": 2, "host_memory_bytes": 8 * GIB}
    assert sizes(40, using("ubuntu-latest", seconds=20, **small)) == []


def test_a_container_of_twice_the_size_is_too_large_though_nobody_knows_its_price() -> None:
    offered: dict[str, Any] = {"memory_peak_bytes": GIB, "cpu_limit_cores": 8.0, "memory_limit_bytes": 32 * GIB}
    (found,) = sizes(40, using("our-runner", **offered))
    assert (found.subject.key, found.effect.usd_per_month) == ("container", None)
    assert "over twice" in found.advice


def test_kills_for_lack_of_memory_are_a_finding_with_the_runs() -> None:
    limit = {"memory_peak_bytes": GIB, "memory_limit_bytes": GIB, "cpu_limit_cores": 1.0}
    (found,) = sizes(40, using("our-runner", killed_every=8, **limit))
    assert (found.kind, found.subject.key, found.confidence) == (FindingKind.TOO_SMALL, "memory", Confidence.HIGH)
    assert found.evidence[0].value == 5
    assert found.evidence[0].run_ids == ("0", "8", "16", "24", "32")
    assert found.effect.makespan_s == pytest.approx(5 / 40 * 600)


def test_a_quota_that_holds_a_step_back_is_a_finding_with_what_it_costs_at_the_most() -> None:
    held: dict[str, Any] = {
        "throttled_s": 200.0,
        "cpu_limit_cores": 1.0,
        "memory_peak_bytes": GIB,
        "memory_limit_bytes": 2 * GIB,
    }
    (found,) = sizes(40, using("our-runner", **held))
    assert (found.kind, found.subject.key) == (FindingKind.TOO_SMALL, "cpu")
    assert found.effect.makespan_s == pytest.approx(600 * 200 / (200 + 0.85 * 600), rel=0.03)


def test_four_runs_say_nothing_of_sizes() -> None:
    small = {"memory_peak_bytes": GIB, "host_cpus": 2, "host_memory_bytes": 8 * GIB}
    assert sizes(4, using("ubuntu-latest", **small)) == []


def test_kills_before_the_job_got_more_memory_are_over() -> None:
    def grown(number: int, chance: random.Random) -> list[JobRun]:
        limit = GIB if number < 20 else 4 * GIB
        every = 8 if number < 20 else 0
        offered: dict[str, Any] = {"memory_peak_bytes": GIB, "memory_limit_bytes": limit, "cpu_limit_cores": 1.0}
        return list(using("our-runner", killed_every=every, **offered)(number, chance))

    assert [one.kind for one in sizes(21, grown)] == []
    assert [one.kind for one in sizes(20, grown)] == [FindingKind.TOO_SMALL]
