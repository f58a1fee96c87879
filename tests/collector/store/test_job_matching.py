"""Rows of the provider and of the agent that speak of one job by different names."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from makespan_collector.providers.github_rows import job_facts, job_rows
from makespan_collector.providers.gitlab_rows import job_row
from makespan_collector.providers.payload import payload_of
from makespan_collector.providers.run_facts import RunFacts
from makespan_collector.store.assembly import assemble_runs
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.identity import RunIdentity, job_span_id, step_span_id
from makespan_model.records import PipelineRun, StepKind
from support.github_history import REPOSITORY, ns, steps, workflow_job
from support.gitlab_history import PROJECT, job

NAMES = ("Set up job", "Run actions/checkout@v4", "Run pytest", "Complete job")


def as_mapping(row: SpanRow) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


def told(name: str = "Unit tests (Python 3.12)", job_id: int = 70, **changes: Any) -> list[SpanRow]:
    found = payload_of(workflow_job(job_id, 7, name, steps=steps(NAMES, 7), **changes), "job")
    return job_rows(found, job_facts(found, REPOSITORY, "github-api"), heard_ns=ns(100))


def measured(
    job_name: str = "test (3.12)",
    path: str = "__run",
    start_s: float = 27.2,
    end_s: float = 36.9,
    *,
    identity: RunIdentity | None = None,
    **changes: Any,
) -> SpanRow:
    identity = identity or RunIdentity("github", REPOSITORY, "7")
    shared: dict[str, Any] = {
        "pipeline": "CI",
        "job_id": job_name.partition(" (")[0],
        "worker": "GitHub Actions 3",
        "result": "success",
        "cpu_user_s": 9.0,
        "source": "otlp",
    }
    return SpanRow(
        trace_id=identity.trace_id,
        span_id=step_span_id(identity.trace_id, job_name, path),
        parent_span_id=job_span_id(identity.trace_id, job_name),
        kind=SpanKind.STEP,
        name="pytest",
        start_ns=ns(start_s),
        end_ns=ns(end_s),
        provider=identity.provider,
        repository=identity.repository,
        run_id=identity.run_id,
        attempt=1,
        job_name=job_name,
        step_path=path,
        step_kind=StepKind.RUN,
        **{**shared, **changes},
    )


def assembled(*rows: SpanRow) -> PipelineRun:
    (run,) = assemble_runs(map(as_mapping, rows), now_ns=ns(200))
    (reversed_run,) = assemble_runs(map(as_mapping, reversed(rows)), now_ns=ns(200))
    assert run.jobs == reversed_run.jobs, "whichever came first"
    return run


def test_a_job_with_a_name_of_its_own_is_the_agents_job_on_the_same_runner_at_that_time() -> None:
    (job_run,) = assembled(*told(), measured()).jobs
    assert (job_run.name, job_run.job_id, job_run.queue_s) == ("test (3.12)", "test", 5.0)
    assert [(step.path, step.index, step.usage.cpu_user_s) for step in job_run.steps] == [
        ("Set up job", None, None),
        ("#0", 0, None),
        ("__run", 1, 9.0),
        ("Complete job", None, None),
    ]


def test_the_jobs_own_id_settles_it_whatever_the_runner() -> None:
    other = told("Unit tests (Python 3.11)", 71)
    run = assembled(*told(), *other, measured(worker=None, job_run_id="70"))
    assert sorted(job_run.name for job_run in run.jobs) == ["Unit tests (Python 3.11)", "test (3.12)"]


def test_two_jobs_that_could_both_be_it_stay_apart() -> None:
    run = assembled(*told(), *told("Lint", 71), measured())
    assert sorted(job_run.name for job_run in run.jobs) == ["Lint", "Unit tests (Python 3.12)", "test (3.12)"]


@pytest.mark.parametrize("changes", [{"worker": "GitHub Actions 4"}, {"start_s": 90.0, "end_s": 95.0}])
def test_another_runner_or_another_time_is_another_job(changes: dict[str, Any]) -> None:
    assert len(assembled(*told(), measured(**changes)).jobs) == 2


def test_a_job_under_way_is_matched_as_well() -> None:
    live = told(status="in_progress", conclusion=None, completed_at=None)
    (job_run,) = assembled(*live, measured()).jobs
    assert job_run.name == "test (3.12)"
    assert job_run.state is not None


def test_a_measured_command_that_is_only_a_part_of_a_step_stands_beside_it() -> None:
    part = measured(path="/pytest@1795176000000000000", start_s=30.0, end_s=31.0)
    (job_run,) = assembled(*told(), part).jobs
    assert {step.path for step in job_run.steps} == {"Set up job", "#0", "#1", "Complete job", part.step_path}


def test_steps_of_a_retried_gitlab_job_belong_to_their_try() -> None:
    identity = RunIdentity("gitlab", PROJECT, "3")
    facts = RunFacts(identity, "build", "gitlab-api")
    tries = [job_row(payload_of(job(30 + n, "test", n * 200.0), "job"), facts, retry=n, heard_ns=0) for n in range(2)]
    own: dict[str, Any] = {"identity": identity, "worker": "runner-8", "job_name": "test"}
    first = measured(path="/a@1", start_s=40, end_s=50, job_run_id="30", **own)
    second = measured(path="/a@2", start_s=240, end_s=250, job_run_id="31", **own)
    run = assembled(*(row for row in tries if row is not None), first, second)
    assert [(job_run.name, [step.path for step in job_run.steps]) for job_run in run.jobs] == [
        ("test", ["/a@1"]),
        ("test (retry 1)", ["/a@2"]),
    ]
