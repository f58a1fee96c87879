"""Outcomes of steps and tests, grouped by what should have made them equal: one commit, one job, one leg."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from makespan_analytics.flakiness.estimation import Outcomes
from makespan_model.evidence import TestOutcome, TestRun
from makespan_model.identity import step_span_id
from makespan_model.records import JobRun, PipelineRun, Result, pooled_path

_FAILED = (Result.FAILURE, Result.TIMEOUT)
"""What may be the step's own fault: `error` is the machine's, a cancellation a person's."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A step, or a test within a step; matrix legs are pooled.

    Attributes:
        step_path: The pooled path.
        test: `suite`, `class` and name of the test, joined by `::` where they are not empty; None for a step.
    """

    job_id: str
    step_path: str
    test: str | None = None


@dataclass(frozen=True, slots=True)
class SpuriousFailure:
    """A failure beside a success of the same commit in the same leg.

    Attributes:
        lost_s: Runner time of the job it spoilt.
    """

    run_id: str
    attempt: int
    commit: str
    job: str
    lost_s: float


@dataclass(frozen=True, slots=True)
class Record:
    """Everything seen of one subject.

    Attributes:
        name: What a person reads.
        groups: Its outcomes, one entry for each commit and leg.
        spurious: Failures that the code cannot explain, in order of the runs.
        retried: How often it passed only after a retry within its own step.
    """

    subject: Subject
    name: str
    groups: tuple[Outcomes, ...]
    spurious: tuple[SpuriousFailure, ...]
    retried: int = 0


@dataclass(slots=True)  # Not frozen: that makes thousands of them three times as dear.
class _Execution:
    run: PipelineRun
    job: JobRun
    failed: bool
    retries: int = 0


_Groups = dict[Subject, dict[tuple[str, str], list[_Execution]]]


def records_of_steps(runs: Sequence[PipelineRun]) -> tuple[Record, ...]:
    """Outcomes of every step, in order of first appearance; runs of an unknown commit are left out."""
    groups: dict[tuple[str, str], dict[tuple[str, str], list[_Execution]]] = defaultdict(lambda: defaultdict(list))
    names: dict[tuple[str, str], str] = {}
    paths: dict[str, str] = {}
    for run in runs:
        for job in run.jobs if run.commit else ():
            leg = (run.commit or "", job.name)
            for step in job.steps:
                failed = step.result in _FAILED
                if failed or step.result is Result.SUCCESS:
                    path = paths.get(step.path)
                    if path is None:
                        path = paths[step.path] = pooled_path(step.path)
                    place = (job.job_id, path)
                    names[place] = step.name
                    groups[place][leg].append(_Execution(run, job, failed))
    return tuple(_record(Subject(*place), names[place], found) for place, found in groups.items())


def records_of_tests(runs: Sequence[PipelineRun], tests: Iterable[TestRun]) -> tuple[Record, ...]:
    """Outcomes of every test that failed at least once, retries inside its step included.

    Tests that never failed are left out of the answer: there may be hundreds of thousands, and of none of them
    anything could be said.

    Args:
        runs: The runs the tests belong to.
        tests: As `Store.tests` returns them; those of other runs are passed over.
    """
    places = {
        (run.identity.trace_id, step_span_id(run.identity.trace_id, job.name, step.path)): (run, job, step)
        for run in runs
        if run.commit
        for job in run.jobs
        for step in job.steps
    }
    groups: _Groups = defaultdict(lambda: defaultdict(list))
    suspicious: set[Subject] = set()
    for test in tests:
        place = places.get((test.trace_id, test.step_span_id))
        if place is None or test.outcome is TestOutcome.SKIPPED:
            continue
        run, job, step = place
        label = "::".join(part for part in (test.suite, test.class_name, test.name) if part)
        subject = Subject(job.job_id, pooled_path(step.path), label)
        failed = test.outcome is not TestOutcome.PASSED
        if failed or test.retries:
            suspicious.add(subject)
        groups[subject][run.commit or "", job.name].append(_Execution(run, job, failed, test.retries))
    return tuple(
        _record(subject, subject.test or "", found) for subject, found in groups.items() if subject in suspicious
    )


def _record(subject: Subject, name: str, groups: dict[tuple[str, str], list[_Execution]]) -> Record:
    outcomes: list[Outcomes] = []
    spurious: list[SpuriousFailure] = []
    retried = 0
    passed: dict[int, Outcomes] = {}
    for (commit, leg), executions in groups.items():
        failures = retries = 0
        for execution in executions:
            failures += execution.failed
            retries += execution.retries
        count = len(executions) + retries
        if not failures and not retries:
            # Nearly every group: the same few objects tell all of them.
            outcomes.append(passed.get(count) or passed.setdefault(count, Outcomes(count, 0)))
            continue
        outcomes.append(Outcomes(count, failures + retries))
        retried += sum(1 for execution in executions if execution.retries and not execution.failed)
        if failures < len(executions):
            spurious += [
                SpuriousFailure(
                    execution.run.identity.run_id,
                    execution.run.identity.attempt,
                    commit,
                    leg,
                    execution.job.duration_s,
                )
                for execution in executions
                if execution.failed
            ]
    return Record(subject, name, tuple(outcomes), tuple(spurious), retried)
