"""The series of a pipeline's history that are looked at for changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa

from makespan_model.records import Result


class Measure(StrEnum):
    """What is measured of a pipeline, job or step."""

    DURATION = "duration_s"
    QUEUE = "queue_s"
    CPU = "cpu_s"
    MEMORY_PEAK = "memory_peak_bytes"
    READ = "io_read_bytes"
    WRITTEN = "io_write_bytes"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a series is of.

    Attributes:
        job: The job's label with its matrix values; None for the whole pipeline.
        step: The pooled path of the step; None for a whole job.
        name: What a person reads.
    """

    job: str | None
    step: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Series:
    """Values in order of the runs they are of.

    Attributes:
        runs: Place of each value's run in the order of all runs of the pipeline.
    """

    subject: Subject
    measure: Measure
    values: tuple[float, ...]
    runs: tuple[int, ...]
    run_ids: tuple[str, ...]
    commits: tuple[str | None, ...]
    times_ns: tuple[int, ...]


def pipeline_series(runs: pa.Table, jobs: pa.Table, steps: pa.Table) -> Iterator[Series]:
    """Every series of one pipeline that has values: whole runs, jobs, steps.

    Values of runs, jobs and steps that did not succeed are left out: a failure's duration says where it stopped.

    Args:
        runs: `series.RUN_SERIES` of one pipeline, oldest first.
        jobs: Its `JOB_SERIES`.
        steps: Its `STEP_SERIES`.
    """
    order = {
        identity: place
        for place, identity in enumerate(zip(runs["run_id"].to_pylist(), runs["attempt"].to_pylist(), strict=True))
    }
    whole = Subject(None, None, "whole pipeline")
    yield from _series(_rows(runs, (Measure.DURATION, Measure.CPU)), lambda _: whole, order)
    yield from _series(
        _rows(jobs, (Measure.DURATION, Measure.QUEUE), "job_name"),
        lambda row: Subject(row["job_name"], None, row["job_name"]),
        order,
    )
    measures = (Measure.DURATION, Measure.CPU, Measure.MEMORY_PEAK, Measure.READ, Measure.WRITTEN)
    yield from _series(
        _rows(steps, measures, "job_name", "step", "step_name"),
        lambda row: Subject(row["job_name"], row["step"], f"{row['job_name']}: {row['step_name']}"),
        order,
    )


def _rows(table: pa.Table, measures: Sequence[Measure], *names: str) -> tuple[Sequence[Measure], list[dict[str, Any]]]:
    kept = ["run_id", "attempt", "run_start_ns", "commit", "result", *measures, *names]
    rows = table.select(kept).to_pylist()
    return measures, [row for row in rows if row["result"] == Result.SUCCESS]


def _series(
    measured: tuple[Sequence[Measure], list[dict[str, Any]]], subject_of: Any, order: Mapping[tuple[str, int], int]
) -> Iterator[Series]:
    measures, rows = measured
    rows_of: dict[tuple[str | None, str | None], list[dict[str, Any]]] = defaultdict(list)
    subjects: dict[tuple[str | None, str | None], Subject] = {}
    for row in sorted(rows, key=lambda row: order[row["run_id"], row["attempt"]]):
        subject = subject_of(row)
        subjects[subject.job, subject.step] = subject  # The newest name stays.
        rows_of[subject.job, subject.step].append(row)
    for key, found in rows_of.items():
        for measure in measures:
            known = [row for row in found if row[measure] is not None]
            if known:
                yield Series(
                    subjects[key],
                    measure,
                    tuple(float(row[measure]) for row in known),
                    tuple(order[row["run_id"], row["attempt"]] for row in known),
                    tuple(row["run_id"] for row in known),
                    tuple(row["commit"] for row in known),
                    tuple(row["run_start_ns"] for row in known),
                )
