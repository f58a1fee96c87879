"""Runs made of small whole seconds, and random ones, for tests of the analytics."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from makespan_model.identity import RunIdentity
from makespan_model.records import JobRun, PipelineRun, Result, StepRun, Usage

SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND


def step(
    name: str, start_s: float, end_s: float, *, result: Result = Result.SUCCESS, cpu_s: float | None = None
) -> StepRun:
    """A step; its times are seconds after the run's start."""
    return StepRun(
        path=name,
        name=name,
        result=result,
        start_ns=EPOCH + round(start_s * SECOND),
        end_ns=EPOCH + round(end_s * SECOND),
        usage=Usage(cpu_user_s=cpu_s),
    )


def job(
    name: str,
    start_s: float,
    end_s: float,
    *steps: StepRun,
    needs: Sequence[str] | None = None,
    queued_s: float | None = None,
    job_id: str | None = None,
    result: Result = Result.SUCCESS,
) -> JobRun:
    """A job; its times are seconds after the run's start."""
    return JobRun(
        name=name,
        job_id=job_id or name,
        result=result,
        start_ns=EPOCH + round(start_s * SECOND),
        end_ns=EPOCH + round(end_s * SECOND),
        steps=steps,
        needs=None if needs is None else tuple(needs),
        queued_ns=None if queued_s is None else EPOCH + round(queued_s * SECOND),
    )


def run(
    *jobs: JobRun, end_s: float | None = None, run_id: str = "1", result: Result = Result.SUCCESS, pipeline: str = "ci"
) -> PipelineRun:
    """A run from 0 s to its last job's end, or to `end_s`."""
    end_ns = max((item.end_ns for item in jobs), default=EPOCH) if end_s is None else EPOCH + round(end_s * SECOND)
    return PipelineRun(
        identity=RunIdentity("plain", "octo/app", run_id),
        pipeline=pipeline,
        result=result,
        start_ns=EPOCH,
        end_ns=end_ns,
        jobs=jobs,
    )


@st.composite
def messy_runs(draw: st.DrawFn) -> PipelineRun:
    """Any run at all, in nanoseconds: overlapping steps, skewed clocks, skipped jobs, circular or unknown needs."""
    instants = st.integers(0, 30)
    names = [f"j{number}" for number in range(draw(st.integers(0, 6)))]
    jobs = []
    for name in names:
        start, end = sorted((draw(instants), draw(instants)))
        steps = []
        for number in range(draw(st.integers(0, 4))):
            step_start, step_end = sorted((draw(instants), draw(instants)))
            steps.append(StepRun(f"s{number}", f"s{number}", Result.SUCCESS, EPOCH + step_start, EPOCH + step_end))
        jobs.append(
            JobRun(
                name=name,
                job_id=draw(st.sampled_from(names)),
                result=draw(st.sampled_from([Result.SUCCESS, Result.FAILURE, Result.SKIP])),
                start_ns=EPOCH + start,
                end_ns=EPOCH + end,
                steps=tuple(steps),
                needs=draw(st.none() | st.lists(st.sampled_from([*names, "gone"]), max_size=3, unique=True).map(tuple)),
                queued_ns=draw(st.none() | instants.map(lambda value: EPOCH + value)),
            )
        )
    start, end = sorted((draw(instants), draw(instants)))
    return PipelineRun(RunIdentity("plain", "o/r", "1"), "ci", Result.SUCCESS, EPOCH + start, EPOCH + end, tuple(jobs))


@st.composite
def graph_runs(draw: st.DrawFn) -> PipelineRun:
    """A run of an acyclic job graph as a runner would execute it: needs, queueing, contiguous steps, some skips."""
    jobs: list[JobRun] = []
    end_of: dict[str, int] = {}
    needs_of: dict[str, tuple[str, ...]] = {}
    for number in range(draw(st.integers(1, 7))):
        name = f"j{number}"
        needs = tuple(draw(st.lists(st.sampled_from(sorted(end_of)), unique=True, max_size=3))) if end_of else ()
        ready = max((end_of[need] for need in needs), default=0)
        skipped = draw(st.integers(0, 5)) == 0
        start = cursor = ready + (0 if skipped else draw(st.integers(0, 3)))
        steps = []
        for index in range(0 if skipped else draw(st.integers(1, 3))):
            step_start = cursor + draw(st.integers(0, 1))
            cursor = step_start + draw(st.integers(1, 6))
            steps.append(StepRun(f"s{index}", f"s{index}", Result.SUCCESS, EPOCH + step_start, EPOCH + cursor))
        end = cursor + (0 if skipped else draw(st.integers(0, 1)))
        end_of[name], needs_of[name] = end, needs
        jobs.append(
            JobRun(
                name=name,
                job_id=name,
                result=Result.SKIP if skipped else Result.SUCCESS,
                start_ns=EPOCH + start,
                end_ns=EPOCH + end,
                steps=tuple(steps),
                needs=needs,
                queued_ns=EPOCH + ready,
            )
        )
    makespan = max(end_of.values()) + draw(st.integers(0, 2))
    return PipelineRun(RunIdentity("plain", "o/r", "1"), "ci", Result.SUCCESS, EPOCH, EPOCH + makespan, tuple(jobs))
