from __future__ import annotations

import random
from dataclasses import replace

import pytest

from makespan_analytics.findings.finding import Finding, FindingKind
from makespan_analytics.pipeline_report import pipeline_findings
from makespan_model.records import JobRun
from support.pipeline_histories import Jobs, history
from support.pipeline_runs import job, step


def on_machines(slow_ratio: float) -> Jobs:
    """One job on one of three machines in turn, the second of which may be slower."""

    def jobs(number: int, chance: random.Random) -> list[JobRun]:
        took_s = 60 * chance.uniform(0.97, 1.03) * (slow_ratio if number % 3 == 1 else 1)
        made = job("test", 0, took_s, step("pytest", 0, took_s), needs=())
        return [replace(made, runner_labels=("ours",), worker=f"runner-{number % 3}")]

    return jobs


def slow_machines(jobs: Jobs) -> list[Finding]:
    runs = history(90, jobs)
    found = pipeline_findings(runs, own_usd_per_hour={"ours": 3.6})
    return [one for one in found if one.kind is FindingKind.SLOW_MACHINE]


def test_a_slow_machine_is_named_with_what_it_costs() -> None:
    (found,) = slow_machines(on_machines(1.5))
    assert found.subject.name == "runner-1"
    assert found.effect.makespan_s == pytest.approx(30 / 3, rel=0.1)
    assert found.effect.usd_per_month == pytest.approx(10 * 0.001 * 91, rel=0.1)
    assert "50% longer" in found.advice or "49% longer" in found.advice or "51% longer" in found.advice


def test_machines_that_are_alike_or_faster_are_no_finding() -> None:
    assert slow_machines(on_machines(1.0)) == []
    assert slow_machines(on_machines(0.7)) == []
