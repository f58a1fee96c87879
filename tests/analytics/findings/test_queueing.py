from __future__ import annotations

import random
from dataclasses import replace

import pytest

from makespan_analytics.findings.finding import Finding, FindingKind
from makespan_analytics.pipeline_report import pipeline_findings
from makespan_model.records import JobRun
from support.pipeline_histories import Jobs, history
from support.pipeline_runs import job, step


def waits(queue_s: float, *, work_s: float = 20) -> Jobs:
    """One job that queues that long before it works, with no other one around."""

    def jobs(number: int, chance: random.Random) -> list[JobRun]:
        del number
        begun_s = queue_s * chance.uniform(0.9, 1.1)
        made = job("test", begun_s, begun_s + work_s, step("x", begun_s, begun_s + work_s), needs=(), queued_s=0)
        return [replace(made, runner_labels=("big",))]

    return jobs


def fanned_out(number: int, chance: random.Random) -> list[JobRun]:
    """Six jobs at once for three runners: every second one waits for a first one's end."""
    del number, chance
    made = []
    for place in range(6):
        begun_s = 1.0 if place < 3 else 61.0
        made.append(
            replace(
                job(f"t{place}", begun_s, begun_s + 60, step("x", begun_s, begun_s + 60), needs=(), queued_s=0),
                runner_labels=("big",),
            )
        )
    return made


def queueing(count: int, jobs: Jobs) -> list[Finding]:
    return [one for one in pipeline_findings(history(count, jobs)) if one.kind is FindingKind.QUEUEING]


def test_runners_that_are_slow_to_come_are_told_apart_from_too_few() -> None:
    (slow,) = queueing(30, waits(15))
    assert "with runners to spare" in slow.advice
    assert slow.effect.makespan_s == pytest.approx(15, rel=0.05)
    (starved,) = queueing(10, fanned_out)
    assert "Add big runners (at most 3 jobs ran at once)" in starved.advice
    assert starved.effect.makespan_s == pytest.approx(60, rel=0.1)
    assert starved.effect.usd_per_month is None


def test_a_second_of_pickup_is_no_finding() -> None:
    assert queueing(30, waits(1)) == []


def test_waiting_that_is_nothing_beside_the_work_is_no_finding() -> None:
    assert queueing(30, waits(15, work_s=2000)) == []
