"""A history of many pipelines, written through the store's own `append` in its own columns.

Every run has four jobs (`build`, then `unit`; `lint`; `package` after both) among which the steps are dealt out. One
pipeline in five has a step that got slower halfway, one in ten a step that fails without a cause; in three runs of a
hundred a step fails, and what follows it is skipped. What is drawn depends on the number of the pipeline and of the
first run alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from makespan_collector.store.contract import Store
from makespan_collector.store.rows import SpanKind
from makespan_collector.store.schema import SPANS
from makespan_model.identity import RunIdentity, job_span_id, run_span_id, step_span_id
from makespan_model.records import MemoryPeakSource, Result, StepKind

NEEDS: Mapping[str, tuple[str, ...]] = {"build": (), "unit": ("build",), "lint": (), "package": ("unit", "lint")}
RUNS_A_DAY = 5
SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND
_EVERY_NS = 86_400 * SECOND // RUNS_A_DAY
_PIPELINES_A_BATCH = 10
_MIB = 1024 * 1024
_COLUMNS = pa.schema(list(SPANS.columns)[1:])

_Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FleetShape:
    """How much history: `steps` are those of all jobs of a run together."""

    pipelines: int
    runs: int
    steps: int

    def pipeline(self, number: int) -> tuple[str, str]:
        """Repository and name of a pipeline; ten share a repository."""
        return f"octo/service-{number // 10:04}", f"pipeline {number:05}"


def write_history(store: Store, shape: FleetShape, *, pipelines: Sequence[int], first_run: int, runs: int) -> int:
    """Append runs `first_run` to `first_run + runs` of some pipelines; returns the rows written."""
    written = 0
    for first in range(0, len(pipelines), _PIPELINES_A_BATCH):
        parts = [_rows(shape, number, first_run, runs) for number in pipelines[first : first + _PIPELINES_A_BATCH]]
        table = pa.concat_tables(part for tables in parts for part in tables).combine_chunks()
        for batch in table.to_batches():
            store.append(spans=batch)
            written += batch.num_rows
    return written


@dataclass(frozen=True, slots=True)
class _Runs:
    """What the runs of one pipeline have in common, and what tells them apart."""

    shape: FleetShape
    number: int
    numbers: _Integers
    trace_ids: list[str]
    random: np.random.Generator

    @property
    def start_ns(self) -> _Integers:
        """When each began."""
        return EPOCH + self.numbers * _EVERY_NS + self.number * SECOND

    def told(self, chosen: _Integers) -> dict[str, Any]:
        """Columns of the run, for rows of the runs at these places."""
        repository, pipeline = self.shape.pipeline(self.number)
        numbers = self.numbers[chosen].tolist()
        return {
            "trace_id": [self.trace_ids[place] for place in chosen.tolist()],
            "provider": "github",
            "repository": repository,
            "run_id": [f"{self.number}-{run}" for run in numbers],
            "attempt": 1,
            "pipeline": pipeline,
            "ref": ["main" if run % 3 else f"topic-{run}" for run in numbers],
            "commit": [f"{self.number:020x}{run - run % 2:020x}" for run in numbers],
            "source": "otlp",
        }


def _rows(shape: FleetShape, number: int, first_run: int, count: int) -> list[pa.Table]:
    numbers = np.arange(first_run, first_run + count)
    repository, pipeline = shape.pipeline(number)
    trace_ids = [RunIdentity("github", repository, f"{number}-{run}").trace_id for run in numbers.tolist()]
    runs = _Runs(shape, number, numbers, trace_ids, np.random.default_rng((number, first_run)))
    durations_s, cores, peaks, failing = _drawn(runs)
    tables: list[pa.Table] = []
    end_ns: dict[str, _Integers] = {}
    failed = np.zeros(count, dtype=bool)
    for place, (job, needs) in enumerate(NEEDS.items()):
        ready_ns = np.max([end_ns[need] for need in needs], axis=0) if needs else runs.start_ns
        started_ns = ready_ns + (runs.random.exponential(8.0, count) * SECOND).astype(np.int64)
        cursor_ns = started_ns.copy()
        skipped, broken = failed.copy(), np.zeros(count, dtype=bool)
        own = [step for step in range(shape.steps) if step * len(NEEDS) // shape.steps == place]
        for index, step in enumerate(own):
            chosen = np.flatnonzero(~skipped & ~broken)
            begun_ns = cursor_ns[chosen] + (runs.random.uniform(0.05, 0.6, len(chosen)) * SECOND).astype(np.int64)
            cursor_ns[chosen] = begun_ns + (durations_s[chosen, step] * SECOND).astype(np.int64)
            fails = failing[chosen] == step
            broken[chosen] = fails
            used = durations_s[chosen, step]
            tables.append(
                _step_rows(
                    runs,
                    chosen,
                    job,
                    index,
                    (begun_ns, cursor_ns[chosen]),
                    fails,
                    used,
                    cores[step],
                    peaks[chosen, step],
                )
            )
        failed |= broken
        end_ns[job] = np.where(skipped, started_ns, cursor_ns + SECOND // 2)
        tables.append(_job_rows(runs, job, (ready_ns, started_ns, end_ns[job]), skipped, broken))
    everything = np.arange(count)
    tables.append(
        _table(
            count,
            **runs.told(everything),
            span_id=[run_span_id(trace_id) for trace_id in trace_ids],
            kind=SpanKind.RUN,
            name=pipeline,
            start_ns=runs.start_ns,
            end_ns=np.max(list(end_ns.values()), axis=0) + SECOND,
            event=["push" if run % 3 else "pull_request" for run in numbers.tolist()],
            actor=f"person-{number % 17}",
            result=_results(failed),
        )
    )
    return tables


def _drawn(runs: _Runs) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], _Integers, _Integers]:
    """Durations in seconds (runs, steps), cores by step, peaks in bytes (runs, steps), and the step that fails or -1.

    The level is the pipeline's, the scatter the run's.
    """
    shape, number, count = runs.shape, runs.number, len(runs.numbers)
    usual = np.random.default_rng(number)
    levels_s = np.tile(usual.lognormal(3.0, 0.8, shape.steps), (count, 1))
    cores = usual.uniform(0.2, 3.0, shape.steps)
    memory = usual.integers(60, 4_000, shape.steps)
    if number % 5 == 0:
        levels_s[runs.numbers >= shape.runs // 2, number % shape.steps] *= 1.5
    durations_s = levels_s * runs.random.lognormal(0.0, 0.08, (count, shape.steps))
    peaks = (memory * runs.random.lognormal(0.0, 0.05, (count, shape.steps)) * _MIB).astype(np.int64)
    failing = np.where(runs.random.random(count) < 0.03, runs.random.integers(0, shape.steps, count), -1)
    if number % 10 == 0:
        failing[runs.random.random(count) < 0.04] = shape.steps - 1
    return durations_s, cores, peaks, failing


def _step_rows(
    runs: _Runs,
    chosen: _Integers,
    job: str,
    index: int,
    times_ns: tuple[_Integers, _Integers],
    fails: npt.NDArray[np.bool_],
    used_s: npt.NDArray[np.float64],
    cores: float,
    peaks: _Integers,
) -> pa.Table:
    told = runs.told(chosen)
    return _table(
        len(chosen),
        **told,
        **_job(runs, job, len(chosen)),
        span_id=[step_span_id(trace_id, job, str(index)) for trace_id in told["trace_id"]],
        parent_span_id=[job_span_id(trace_id, job) for trace_id in told["trace_id"]],
        kind=SpanKind.STEP,
        name=f"{job} step {index}",
        start_ns=times_ns[0],
        end_ns=times_ns[1],
        step_path=str(index),
        step_index=index,
        step_kind=StepKind.RUN,
        exit_code=fails.astype(np.int32),
        result=_results(fails),
        cpu_user_s=used_s * cores,
        cpu_system_s=used_s * 0.08,
        memory_peak_bytes=peaks,
        memory_peak_source=MemoryPeakSource.CGROUP,
        io_read_bytes=(used_s * 3 * _MIB).astype(np.int64),
        io_write_bytes=(used_s * 2 * _MIB).astype(np.int64),
        minor_faults=(used_s * 1_000).astype(np.int64),
        major_faults=0,
        voluntary_switches=(used_s * 40).astype(np.int64),
        involuntary_switches=(used_s * 9).astype(np.int64),
        oom_kills=0,
        host_cpus=4,
        host_memory_bytes=16_384 * _MIB,
    )


def _job_rows(
    runs: _Runs,
    job: str,
    times_ns: tuple[_Integers, _Integers, _Integers],
    skipped: npt.NDArray[np.bool_],
    broken: npt.NDArray[np.bool_],
) -> pa.Table:
    count = len(skipped)
    told = runs.told(np.arange(count))
    results = _chosen(skipped, Result.SKIP, _results(broken))
    return _table(
        count,
        **told,
        **_job(runs, job, count),
        span_id=[job_span_id(trace_id, job) for trace_id in told["trace_id"]],
        parent_span_id=[run_span_id(trace_id) for trace_id in told["trace_id"]],
        kind=SpanKind.JOB,
        name=job,
        start_ns=times_ns[1],
        end_ns=times_ns[2],
        queued_ns=pa.array(times_ns[0], mask=skipped),
        needs=[list(NEEDS[job])] * count,
        runner_labels=[["ubuntu-latest"]] * count,
        result=results,
    )


def _job(runs: _Runs, job: str, count: int) -> dict[str, Any]:
    workers = [f"runner-{number}" for number in range(40)]
    return {"job_id": job, "job_name": job, "worker": [workers[place] for place in runs.random.integers(0, 40, count)]}


def _chosen(condition: npt.NDArray[np.bool_], yes: str, no: Sequence[str]) -> list[str]:
    """One text where a condition holds, others elsewhere."""
    return [yes if holds else other for holds, other in zip(condition.tolist(), no, strict=True)]


def _results(fails: npt.NDArray[np.bool_]) -> list[str]:
    return [Result.FAILURE if one else Result.SUCCESS for one in fails.tolist()]


def _table(count: int, **columns: Any) -> pa.Table:
    """So many rows in the store's columns: a single value is that of every row, what is not named is null."""
    arrays = []
    for field in _COLUMNS:
        value = columns.get(field.name)
        if value is None or isinstance(value, str | int):
            arrays.append(pa.repeat(pa.scalar(value, field.type), count))
        else:
            arrays.append(pa.array(value, field.type) if not isinstance(value, pa.Array) else value.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=_COLUMNS)
