"""History in columns: one row a run, job or step run, for analyses that look at thousands of them.

The schemas are what every store answers with. The functions build the same tables of assembled runs: a store without
a faster way uses them, and they are what a faster way is tested against.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from makespan_model.records import JobRun, PipelineRun, StepRun, pooled_path
from makespan_model.vocabulary import SAMPLE_METRICS

_RUN = (
    ("repository", pa.string()),
    ("pipeline", pa.string()),
    ("provider", pa.string()),
    ("run_id", pa.string()),
    ("attempt", pa.int32()),
    ("run_start_ns", pa.int64()),
    ("ref", pa.string()),
    ("commit", pa.string()),
    ("event", pa.string()),
)
_JOB = (("job_id", pa.string()), ("job_name", pa.string()))

RUN_SERIES = pa.schema(
    [
        *_RUN,
        ("actor", pa.string()),
        ("change", pa.string()),
        ("result", pa.string()),
        ("state", pa.string()),
        ("duration_s", pa.float64()),
        ("jobs", pa.int64()),
        ("cpu_s", pa.float64()),
    ]
)
"""`state` is null for a run that has ended; `cpu_s` is the sum over the measured steps, null when there is none."""

JOB_SERIES = pa.schema(
    [
        *_RUN,
        *_JOB,
        ("start_ns", pa.int64()),
        ("worker", pa.string()),
        ("runner_labels", pa.list_(pa.string())),
        ("result", pa.string()),
        ("state", pa.string()),
        ("duration_s", pa.float64()),
        ("queue_s", pa.float64()),
        ("steps", pa.int64()),
        ("cpu_s", pa.float64()),
    ]
)

MEASURED = (
    ("memory_peak_bytes", pa.int64()),
    ("memory_peak_source", pa.string()),
    ("io_read_bytes", pa.int64()),
    ("io_write_bytes", pa.int64()),
    ("throttled_s", pa.float64()),
    ("oom_kills", pa.int64()),
    ("memory_oom_events", pa.int64()),
    ("cpu_pressure_s", pa.float64()),
    ("memory_pressure_s", pa.float64()),
    ("io_pressure_s", pa.float64()),
    ("cpu_limit_cores", pa.float64()),
    ("memory_limit_bytes", pa.int64()),
    ("host_cpus", pa.int64()),
    ("host_memory_bytes", pa.int64()),
)
"""What `STEP_SERIES` holds of `Usage` under the names it has there."""

STEP_SERIES = pa.schema(
    [
        *_RUN,
        *_JOB,
        ("step", pa.string()),
        ("step_path", pa.string()),
        ("step_name", pa.string()),
        ("step_index", pa.int32()),
        ("step_kind", pa.string()),
        ("start_ns", pa.int64()),
        ("result", pa.string()),
        ("exit_code", pa.int32()),
        ("cache_outcome", pa.string()),
        ("duration_s", pa.float64()),
        ("queue_s", pa.float64()),
        ("cpu_s", pa.float64()),
        *MEASURED,
    ]
)
"""`step` is the path pooled over runs (`records.pooled_path`), `queue_s` that of the step's job."""


def quantiles_schema(metrics: Iterable[str]) -> pa.Schema:
    """What `Store.sample_quantiles` answers with: for each metric asked for the list of its quantiles.

    `step_runs` counts how often the step ran, sampled or not.
    """
    counted = [*_JOB[:1], ("step", pa.string()), ("step_runs", pa.int64()), ("samples", pa.int64())]
    return pa.schema([*counted, *((name, pa.list_(pa.float64())) for name in metrics)])


def check_asked(quantiles: Sequence[float], metrics: Sequence[str]) -> None:
    """Let through what `Store.sample_quantiles` can be asked.

    Raises:
        ValueError: A quantile outside of 0 to 1, or a metric that samples do not have.
    """
    if not quantiles or not all(0 <= quantile <= 1 for quantile in quantiles):
        raise ValueError(f"quantiles lie between 0 and 1, not {list(quantiles)}")
    unknown = [name for name in metrics if name not in SAMPLE_METRICS]
    if unknown:
        raise ValueError(f"samples have no {unknown[0]!r}; they have {', '.join(SAMPLE_METRICS)}")


def run_series_of(runs: Iterable[PipelineRun]) -> pa.Table:
    """`RUN_SERIES` of assembled runs, in their order."""
    return _table(
        RUN_SERIES,
        (
            {
                **_run_values(run),
                "actor": run.actor,
                "change": run.change,
                "result": run.result,
                "state": run.state,
                "duration_s": run.makespan_s,
                "jobs": len(run.jobs),
                "cpu_s": _total_cpu_s(step for job in run.jobs for step in job.steps),
            }
            for run in runs
        ),
    )


def job_series_of(runs: Iterable[PipelineRun]) -> pa.Table:
    """`JOB_SERIES` of assembled runs, in their order."""
    return _table(
        JOB_SERIES,
        (
            {
                **_run_values(run),
                **_job_values(job),
                "start_ns": job.start_ns,
                "worker": job.worker,
                "runner_labels": job.runner_labels,
                "result": job.result,
                "state": job.state,
                "duration_s": job.duration_s,
                "queue_s": job.queue_s,
                "steps": len(job.steps),
                "cpu_s": _total_cpu_s(job.steps),
            }
            for run in runs
            for job in run.jobs
        ),
    )


def step_series_of(runs: Iterable[PipelineRun]) -> pa.Table:
    """`STEP_SERIES` of assembled runs, in their order."""
    return _table(
        STEP_SERIES,
        (
            {**_run_values(run), **_job_values(job), **_step_values(step), "queue_s": job.queue_s}
            for run in runs
            for job in run.jobs
            for step in job.steps
        ),
    )


def _step_values(step: StepRun) -> dict[str, Any]:
    return {
        "step": pooled_path(step.path),
        "step_path": step.path,
        "step_name": step.name,
        "step_index": step.index,
        "step_kind": step.kind,
        "start_ns": step.start_ns,
        "result": step.result,
        "exit_code": step.exit_code,
        "cache_outcome": step.cache_outcome,
        "duration_s": step.duration_s,
        "cpu_s": step.usage.cpu_s,
        **{name: getattr(step.usage, name) for name, _ in MEASURED},
    }


def _run_values(run: PipelineRun) -> dict[str, Any]:
    return {
        "repository": run.identity.repository,
        "pipeline": run.pipeline,
        "provider": run.identity.provider,
        "run_id": run.identity.run_id,
        "attempt": run.identity.attempt,
        "run_start_ns": run.start_ns,
        "ref": run.ref,
        "commit": run.commit,
        "event": run.event,
    }


def _job_values(job: JobRun) -> dict[str, Any]:
    return {"job_id": job.job_id, "job_name": job.name}


def _total_cpu_s(steps: Iterable[StepRun]) -> float | None:
    measured = [step.usage.cpu_s for step in steps if step.usage.cpu_s is not None]
    return sum(measured) if measured else None


def _table(schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema)
