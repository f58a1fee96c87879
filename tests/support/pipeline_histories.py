"""Histories of one pipeline, run after run, for tests of findings and of what shows them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.identity import RunIdentity, job_span_id, run_span_id, step_span_id
from makespan_model.records import JobRun, PipelineRun, Result, StepRun
from support.pipeline_runs import SECOND, job, run, step

HOUR_S = 3600.0
Jobs = Callable[[int, random.Random], Sequence[JobRun]]
"""The jobs of the run with a number, their times counted from the run's start."""


def history(
    count: int, jobs: Jobs, *, every_s: float = 8 * HOUR_S, provider: str = "github", commits_of: int = 1
) -> list[PipelineRun]:
    """So many runs, oldest first; a run failed when a job of it did.

    Args:
        count: How many.
        jobs: Makes those of each.
        every_s: From one start to the next.
        provider: Whose runners.
        commits_of: Runs in a row that are of one commit.
    """
    chance = random.Random(7)
    made = []
    for number in range(count):
        items = jobs(number, chance)
        failed = any(item.result is Result.FAILURE for item in items)
        base = run(*items, run_id=str(number), result=Result.FAILURE if failed else Result.SUCCESS)
        made.append(
            replace(
                moved(base, round(number * every_s * SECOND)),
                identity=RunIdentity(provider, "octo/app", str(number)),
                commit=f"{number // commits_of:040x}",
                ref="main",
                event="push",
            )
        )
    return made


def moved(item: PipelineRun, shift_ns: int) -> PipelineRun:
    """A run with everything in it that much later."""
    return replace(
        item,
        start_ns=item.start_ns + shift_ns,
        end_ns=item.end_ns + shift_ns,
        jobs=tuple(
            replace(
                one,
                start_ns=one.start_ns + shift_ns,
                end_ns=one.end_ns + shift_ns,
                queued_ns=None if one.queued_ns is None else one.queued_ns + shift_ns,
                steps=tuple(_moved_step(inner, shift_ns) for inner in one.steps),
            )
            for one in item.jobs
        ),
    )


def _moved_step(item: StepRun, shift_ns: int) -> StepRun:
    return replace(item, start_ns=item.start_ns + shift_ns, end_ns=item.end_ns + shift_ns)


def build_and_test(number: int, chance: random.Random) -> Sequence[JobRun]:
    """About 20 s of build, then about 60 s of tests with 5 s of installing, on GitHub's standard Linux runners."""
    del number
    build_s, test_s = 20 * chance.uniform(0.97, 1.03), 60 * chance.uniform(0.97, 1.03)
    begun_s = build_s + 2
    return [
        replace(
            job("build", 1, build_s, step("compile", 1, build_s, cpu_s=build_s), needs=(), queued_s=0),
            runner_labels=("ubuntu-latest",),
        ),
        replace(
            job(
                "test",
                begun_s,
                begun_s + 5 + test_s,
                step("install", begun_s, begun_s + 5, cpu_s=0.5),
                step("pytest", begun_s + 5, begun_s + 5 + test_s, cpu_s=test_s),
                needs=("build",),
                queued_s=build_s,
            ),
            runner_labels=("ubuntu-latest",),
        ),
    ]


def history_rows(runs: Sequence[PipelineRun]) -> list[SpanRow]:
    """The spans of runs, so that a store gives the same runs back."""
    return [row for run in runs for row in _rows(run)]


def _rows(run: PipelineRun) -> Iterator[SpanRow]:
    identity = run.identity
    trace_id = identity.trace_id
    shared: dict[str, Any] = {
        "trace_id": trace_id,
        "provider": identity.provider,
        "repository": identity.repository,
        "run_id": identity.run_id,
        "attempt": identity.attempt,
        "pipeline": run.pipeline,
        "ref": run.ref,
        "commit": run.commit,
        "event": run.event,
    }
    yield SpanRow(
        span_id=run_span_id(trace_id),
        kind=SpanKind.RUN,
        name=run.pipeline,
        start_ns=run.start_ns,
        end_ns=run.end_ns,
        result=run.result,
        **shared,
    )
    for item in run.jobs:
        of_job = {**shared, "job_id": item.job_id, "job_name": item.name}
        yield SpanRow(
            span_id=job_span_id(trace_id, item.name),
            parent_span_id=run_span_id(trace_id),
            kind=SpanKind.JOB,
            name=item.name,
            start_ns=item.start_ns,
            end_ns=item.end_ns,
            result=item.result,
            needs=item.needs,
            queued_ns=item.queued_ns,
            runner_labels=item.runner_labels,
            **of_job,
        )
        for one in item.steps:
            yield SpanRow(
                span_id=step_span_id(trace_id, item.name, one.path),
                parent_span_id=job_span_id(trace_id, item.name),
                kind=SpanKind.STEP,
                name=one.name,
                start_ns=one.start_ns,
                end_ns=one.end_ns,
                result=one.result,
                step_path=one.path,
                step_kind=one.kind,
                exit_code=one.exit_code,
                cpu_user_s=one.usage.cpu_user_s,
                memory_peak_bytes=one.usage.memory_peak_bytes,
                cache_outcome=one.cache_outcome,
                **of_job,
            )
