from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.regressions.history_series import pipeline_series
from makespan_analytics.regressions.record_series import series_of_runs
from makespan_collector.store.series import job_series_of, run_series_of, step_series_of
from makespan_model.identity import RunIdentity
from makespan_model.records import JobRun, PipelineRun, Result, Usage
from support.pipeline_runs import messy_runs


@st.composite
def _histories(draw: st.DrawFn) -> list[PipelineRun]:
    """Runs of one pipeline with gaps in what was measured, steps renamed, and ids that occur twice."""
    runs: list[PipelineRun] = []
    for number in range(draw(st.integers(0, 5))):
        run = draw(messy_runs())

        def measured(job: JobRun) -> JobRun:
            steps = [
                replace(
                    step,
                    path=draw(st.sampled_from([step.path, f"{step.path}@1700000000000000000"])),
                    name=draw(st.sampled_from(["one", "two"])),
                    result=draw(st.sampled_from([Result.SUCCESS, Result.SUCCESS, Result.FAILURE])),
                    usage=Usage(
                        cpu_user_s=draw(st.sampled_from([None, 1.5])),
                        memory_peak_bytes=draw(st.sampled_from([None, 7])),
                        io_read_bytes=draw(st.sampled_from([None, 0])),
                    ),
                )
                for step in job.steps
            ]
            return replace(job, steps=tuple(steps))

        runs.append(
            replace(
                run,
                identity=RunIdentity("plain", "o/r", draw(st.sampled_from([str(number), "same"]))),
                commit=draw(st.sampled_from([None, "c1", "c2"])),
                jobs=tuple(measured(job) for job in run.jobs),
            )
        )
    return sorted(runs, key=lambda run: run.start_ns)


@given(_histories())
def test_series_of_records_are_those_of_their_tables(runs: list[PipelineRun]) -> None:
    tables = run_series_of(runs), job_series_of(runs), step_series_of(runs)

    assert list(series_of_runs(runs)) == list(pipeline_series(*tables))
