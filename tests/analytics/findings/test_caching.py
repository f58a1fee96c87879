from __future__ import annotations

import random
from dataclasses import replace

import pytest

from makespan_analytics.findings.finding import Finding, FindingKind
from makespan_analytics.pipeline_report import analyze_one, pipeline_findings
from makespan_model.records import CacheOutcome, JobRun
from support.pipeline_histories import Jobs, history
from support.pipeline_runs import job, step


def cached(miss_every: int, *, miss_s: float = 90.0, hit_s: float = 30.0) -> Jobs:
    """One job that restores a cache for a second, then works for as long as its outcome says."""

    def jobs(number: int, chance: random.Random) -> list[JobRun]:
        is_miss = number % miss_every == 0
        work_s = (miss_s if is_miss else hit_s) * chance.uniform(0.98, 1.02)
        restore = replace(
            step("restore", 0, 1), cache_outcome=CacheOutcome.MISS if is_miss else CacheOutcome.HIT, name="cache"
        )
        made = job("build", 0, 1 + work_s, restore, step("install", 1, 1 + work_s), needs=())
        return [replace(made, runner_labels=("ubuntu-latest",))]

    return jobs


def caching(jobs: Jobs, count: int = 80) -> list[Finding]:
    return [one for one in pipeline_findings(history(count, jobs)) if one.kind is FindingKind.CACHING]


def test_misses_are_a_finding_with_what_they_lose_and_why_they_happen() -> None:
    (found,) = caching(cached(4))
    assert (found.subject.key, found.subject.name) == ("missed", "build: cache")
    # One run in four, less the very first, takes a minute longer.
    assert found.effect.makespan_s == pytest.approx(60 * 19 / 80, rel=0.05)
    assert found.effect.usd_per_month == pytest.approx(60 * 19 / 80 * 0.0001 * 91, rel=0.1)
    assert "make its key depend on less" in found.advice
    reasons = {one.name: one.value for one in found.evidence if one.name.startswith("misses: ")}
    assert sum(reasons.values()) == 20


def test_a_cache_that_makes_jobs_slower_should_go() -> None:
    (found,) = caching(cached(4, miss_s=20, hit_s=30))
    assert found.subject.key == "useless"
    assert "Leave 'cache' out: jobs that find this cache take 10 s longer" in found.advice


def test_a_cache_that_is_always_found_is_no_finding() -> None:
    assert caching(cached(1_000)) == []


def test_a_cache_that_changes_nothing_is_no_finding() -> None:
    assert caching(cached(4, miss_s=30)) == []


def test_a_pipeline_without_caches_has_no_statistics_of_them() -> None:
    def plain(number: int, chance: random.Random) -> list[JobRun]:
        del number, chance
        return [job("a", 0, 10, step("x", 0, 10), needs=())]

    assert analyze_one(history(20, plain)).caches == ()
    assert len(analyze_one(history(20, cached(4))).caches) == 1
