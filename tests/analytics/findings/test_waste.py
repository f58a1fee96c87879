from __future__ import annotations

import random
from dataclasses import replace

import pytest

from makespan_analytics.findings.finding import Finding, FindingKind
from makespan_analytics.pipeline_report import pipeline_findings
from makespan_model.records import JobRun, Result, Usage
from support.pipeline_histories import Jobs, history
from support.pipeline_runs import job, step


def ending(*, cancelled_every: int = 0, failed_every: int = 0, cpu_s: float | None = None) -> Jobs:
    """One job of ten minutes on GitHub's standard Linux runner."""

    def jobs(number: int, chance: random.Random) -> list[JobRun]:
        del chance
        result = Result.SUCCESS
        if cancelled_every and number % cancelled_every == 0:
            result = Result.CANCELLATION
        if failed_every and number % failed_every == 0:
            result = Result.FAILURE
        usage = Usage(cpu_user_s=cpu_s, host_cpus=2)
        made = replace(step("x", 0, 600, result=result), usage=usage)
        return [replace(job("build", 0, 600, made, needs=(), result=result), runner_labels=("ubuntu-latest",))]

    return jobs


def waste(jobs: Jobs, count: int = 40) -> dict[str, Finding]:
    found = [one for one in pipeline_findings(history(count, jobs)) if one.kind is FindingKind.WASTE]
    return {one.subject.key: one for one in found}


def test_cancelled_work_is_counted_in_dollars_a_month() -> None:
    found = waste(ending(cancelled_every=4))["cancelled"]
    assert found.effect.usd_per_month == pytest.approx(10 * 0.06 / 39 * 3 * 365.25 / 12, rel=0.01)
    assert found.effect.makespan_s is None
    assert found.evidence[0].run_ids


def test_some_failures_are_what_ci_is_for() -> None:
    assert "failed" not in waste(ending(failed_every=10))
    assert "failed" in waste(ending(failed_every=3))


def test_idle_cores_are_waste() -> None:
    assert "idle CPU" in waste(ending(cpu_s=300.0))
    assert "idle CPU" not in waste(ending(cpu_s=1200.0))


def test_idle_cores_of_a_runner_that_is_too_large_are_told_once() -> None:
    def small(number: int, chance: random.Random) -> list[JobRun]:
        (made,) = ending(cpu_s=300.0)(number, chance)
        usage = replace(made.steps[0].usage, memory_peak_bytes=2**30, host_memory_bytes=2**33)
        return [replace(made, steps=(replace(made.steps[0], usage=usage),))]

    found = pipeline_findings(history(40, small))
    kinds = [one.kind for one in found]
    assert FindingKind.TOO_LARGE in kinds
    assert FindingKind.WASTE not in kinds


def test_a_handful_of_jobs_is_no_pattern() -> None:
    assert waste(ending(cancelled_every=4), count=12) == {}
