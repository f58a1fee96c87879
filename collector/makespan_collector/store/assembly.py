"""Span rows put together into runs, whatever part of a run was seen, and by whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from makespan_collector.store.clock_skew import aligned
from makespan_collector.store.job_matching import under_one_name
from makespan_collector.store.rows import PROVIDER_SOURCES, SpanKind
from makespan_model.executable_usage import parse_executables
from makespan_model.identity import RunIdentity
from makespan_model.records import (
    CacheOutcome,
    JobRun,
    MemoryPeakSource,
    PipelineRun,
    PressureSource,
    Result,
    RunState,
    StepKind,
    StepRun,
    Usage,
)
from makespan_model.vocabulary import USAGE_AMOUNTS, USAGE_COUNTS

Row = Mapping[str, Any]

# The worst first: a run that nobody summed up ended as its worst job did.
SEVERITY = (Result.FAILURE, Result.ERROR, Result.TIMEOUT, Result.CANCELLATION, Result.SUCCESS, Result.SKIP)


CLOSED_AFTER_NS = 6 * 3600 * 1_000_000_000
"""A run whose end nobody told is over when nothing was heard of it for as long as GitHub lets a job run."""
PLAIN = "plain"
"""The provider outside of CI, where no run span ever comes."""


def assemble_runs(rows: Iterable[Row], *, now_ns: int) -> list[PipelineRun]:
    """Build the tree of every run, oldest first.

    A run whose own span never came is taken to be executing until nothing was heard of it for six hours; then it is
    over, with the worst result of its jobs.

    Args:
        rows: Spans of any number of runs in any order, each span once; the columns of `SpanRow`.
        now_ns: When it is asked.
    """
    spans_of: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        spans_of[row["provider"], row["repository"], row["run_id"], row["attempt"]].append(row)
    runs = [_assemble_run(spans, now_ns) for spans in spans_of.values()]
    return sorted(runs, key=lambda run: (run.start_ns, run.identity.run_id, run.identity.attempt))


def _assemble_run(spans: Sequence[Row], now_ns: int) -> PipelineRun:
    root = max((span for span in spans if span["kind"] == SpanKind.RUN), key=_standing, default=None)
    jobs = _assemble_jobs(under_one_name([span for span in spans if span["kind"] != SpanKind.RUN]))
    known = root or spans[0]
    starts = [job.start_ns for job in jobs] if root is None else [root["start_ns"]]
    ends = [job.end_ns for job in jobs] if root is None else [root["end_ns"]]
    return PipelineRun(
        identity=RunIdentity(known["provider"], known["repository"], known["run_id"], known["attempt"]),
        pipeline=known["pipeline"],
        result=Result(root["result"]) if root is not None else worst_result(job.result for job in jobs),
        start_ns=min(starts),
        end_ns=max(ends),
        jobs=jobs,
        ref=_first_known([known, *spans], "ref"),
        commit=_first_known([known, *spans], "commit"),
        event=_first_known(spans, "event"),
        actor=_first_known(spans, "actor"),
        url=None if root is None else root["url"],
        change=_first_known(spans, "change"),
        state=_state_of_rootless(known, max(ends), now_ns) if root is None else _state(root),
    )


def _standing(span: Row) -> tuple[bool, bool, int]:
    """Which of several spans of one run or job is believed: ended before running, the provider's before others'."""
    return span["state"] is None, span["source"] in PROVIDER_SOURCES, span["end_ns"]


def _state_of_rootless(span: Row, heard_ns: int, now_ns: int) -> RunState | None:
    if span["provider"] == PLAIN or now_ns - heard_ns > CLOSED_AFTER_NS:
        return None
    return RunState.EXECUTING


def _first_known(spans: Sequence[Row], column: str) -> Any:
    return next((span[column] for span in spans if span[column] is not None), None)


def _assemble_jobs(spans: Sequence[Row]) -> tuple[JobRun, ...]:
    steps: dict[str, list[Row]] = defaultdict(list)
    jobs: dict[str, Row] = {}
    for span in spans:
        name = span["job_name"]
        if span["kind"] != SpanKind.JOB:
            steps[name].append(span)
        elif name not in jobs or _standing(span) > _standing(jobs[name]):
            jobs[name] = span
    names = [*jobs, *(name for name in steps if name not in jobs)]
    assembled = [_assemble_job(name, jobs.get(name), _of_one_teller(steps.get(name, ()))) for name in names]
    return tuple(sorted(assembled, key=lambda job: (job.start_ns, job.name)))


def _of_one_teller(steps: Sequence[Row]) -> Sequence[Row]:
    """Where traces of several senders describe one job, the steps of the one that measured most of them."""
    traces: dict[str, list[Row]] = defaultdict(list)
    for step in steps:
        traces[step["trace_id"]].append(step)
    if len(traces) < 2:
        return steps
    return max(traces.values(), key=lambda told: (sum(step["cpu_user_s"] is not None for step in told), len(told)))


def _assemble_job(name: str, span: Row | None, step_spans: Sequence[Row]) -> JobRun:
    steps = tuple(sorted(map(_assemble_step, step_spans), key=lambda step: (step.start_ns, step.index or 0, step.path)))
    if span is None:
        return JobRun(
            name=name,
            job_id=step_spans[0]["job_id"],
            result=worst_result(step.result for step in steps),
            start_ns=min(step.start_ns for step in steps),
            end_ns=max(step.end_ns for step in steps),
            steps=steps,
            worker=_first_known(step_spans, "worker"),
            runner_labels=_labels(_first_known(step_spans, "runner_labels")),
        )
    if span["source"] in PROVIDER_SOURCES and span["state"] is None:
        steps = aligned(steps, span["start_ns"], span["end_ns"])
    return JobRun(
        name=name,
        job_id=span["job_id"],
        result=Result(span["result"]),
        start_ns=span["start_ns"],
        end_ns=span["end_ns"],
        steps=steps,
        needs=None if span["needs"] is None else tuple(span["needs"]),
        queued_ns=span["queued_ns"],
        worker=span["worker"],
        runner_labels=_labels(span["runner_labels"]),
        state=_state(span),
        url=span["url"],
    )


def _assemble_step(span: Row) -> StepRun:
    return StepRun(
        path=span["step_path"],
        name=span["name"],
        result=Result(span["result"]),
        start_ns=span["start_ns"],
        end_ns=span["end_ns"],
        kind=StepKind(span["step_kind"]),
        index=span["step_index"],
        exit_code=span["exit_code"],
        usage=_assemble_usage(span),
        cache_outcome=None if span["cache_outcome"] is None else CacheOutcome(span["cache_outcome"]),
    )


def _labels(labels: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if labels is None else tuple(labels)


def _state(span: Row) -> RunState | None:
    return None if span["state"] is None else RunState(span["state"])


def _assemble_usage(span: Row) -> Usage:
    numbers = {name: span[name] for name in (*USAGE_AMOUNTS, *USAGE_COUNTS)}
    peak, pressure = span["memory_peak_source"], span["pressure_source"]
    return Usage(
        **numbers,
        memory_peak_source=None if peak is None else MemoryPeakSource(peak),
        pressure_source=None if pressure is None else PressureSource(pressure),
        executables=() if span["executables"] is None else parse_executables(span["executables"]),
    )


def worst_result(results: Iterable[Result]) -> Result:
    """The worst of several results; success when there is none to look at."""
    found = set(results)
    return next((result for result in SEVERITY if result in found), Result.SUCCESS)
