"""The series of a pipeline's history out of records, without a table or a dictionary a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

from makespan_analytics.regressions.history_series import Measure, Series, Subject
from makespan_model.records import JobRun, PipelineRun, Result, StepRun, pooled_path

_OF_JOBS = (Measure.DURATION, Measure.QUEUE)
_OF_STEPS = (Measure.DURATION, Measure.CPU, Measure.MEMORY_PEAK, Measure.READ, Measure.WRITTEN)
_job_values = attrgetter("duration_s", "queue_s")
_step_values = attrgetter(
    "duration_s", "usage.cpu_s", "usage.memory_peak_bytes", "usage.io_read_bytes", "usage.io_write_bytes"
)


def series_of_runs(runs: Sequence[PipelineRun]) -> Iterator[Series]:
    """What `pipeline_series` makes of the tables of these runs, in the same order.

    Args:
        runs: Of one pipeline, oldest first.
    """
    order = {(run.identity.run_id, run.identity.attempt): place for place, run in enumerate(runs)}
    whole = _Gathered(Subject(None, None, "whole pipeline"))
    jobs: dict[str, _Gathered] = {}
    steps: dict[tuple[str, str], _Gathered] = {}
    paths: dict[str, str] = {}
    for run in sorted(runs, key=lambda run: order[run.identity.run_id, run.identity.attempt]):
        if run.result is Result.SUCCESS:
            whole.add(run, (run.makespan_s, _cpu_s(run)))
        for job in run.jobs:
            if job.result is Result.SUCCESS:
                _of(jobs, job.name, job).add(run, _job_values(job))
            for step in job.steps:
                if step.result is Result.SUCCESS:
                    path = paths.get(step.path)
                    if path is None:
                        path = paths[step.path] = pooled_path(step.path)
                    found = steps.get((job.name, path))
                    if found is None:
                        found = steps[job.name, path] = _Gathered(Subject(job.name, path, ""))
                    found.newest = job, step
                    found.add(run, _step_values(step))
    yield from whole.series((Measure.DURATION, Measure.CPU), order)
    for found in jobs.values():
        yield from found.series(_OF_JOBS, order)
    for found in steps.values():
        yield from found.series(_OF_STEPS, order)


def _cpu_s(run: PipelineRun) -> float | None:
    measured = [cpu_s for job in run.jobs for step in job.steps if (cpu_s := step.usage.cpu_s) is not None]
    return sum(measured) if measured else None


def _of(gathered: dict[str, _Gathered], name: str, job: JobRun) -> _Gathered:
    if name not in gathered:
        gathered[name] = _Gathered(Subject(job.name, None, job.name))
    return gathered[name]


class _Gathered:
    """Everything measured of one subject, run after run."""

    __slots__ = ("_runs", "_subject", "_values", "newest")

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._runs: list[PipelineRun] = []
        self._values: list[tuple[float | None, ...]] = []
        self.newest: tuple[JobRun, StepRun] | None = None

    def add(self, run: PipelineRun, values: tuple[float | None, ...]) -> None:
        """One more run, and what was measured in it."""
        self._runs.append(run)
        self._values.append(values)

    def series(self, measures: Sequence[Measure], order: dict[tuple[str, int], int]) -> Iterator[Series]:
        """One for each measure that has values; those without a gap share what is the same of them."""
        if not self._runs:
            return
        subject = self._subject
        if self.newest is not None:
            job, step = self.newest  # The newest name stays.
            subject = Subject(subject.job, subject.step, f"{job.name}: {step.name}")
        whole = _places(self._runs, order)
        for measure, column in zip(measures, zip(*self._values, strict=True), strict=True):
            known = [value for value in column if value is not None]
            if not known:
                continue
            places = whole
            if len(known) < len(column):
                measured = zip(self._runs, column, strict=True)
                places = _places([run for run, value in measured if value is not None], order)
            yield Series(subject, measure, tuple(map(float, known)), *places)


_Places = tuple[tuple[int, ...], tuple[str, ...], tuple[str | None, ...], tuple[int, ...]]


def _places(runs: Sequence[PipelineRun], order: dict[tuple[str, int], int]) -> _Places:
    """Place, id, commit and start of each run."""
    return (
        tuple([order[run.identity.run_id, run.identity.attempt] for run in runs]),
        tuple([run.identity.run_id for run in runs]),
        tuple([run.commit for run in runs]),
        tuple([run.start_ns for run in runs]),
    )
