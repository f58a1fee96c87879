"""Workflows with a made-up history, for tests of the optimizer."""

from __future__ import annotations

from collections.abc import Mapping

from makespan_analytics.profiles import JobProfile, PipelineProfile, StepProfile
from makespan_model.records import StepKind
from makespan_optimizer.passes.evidence import Evidence, evidence_for
from makespan_optimizer.workflow.model import Workflow
from makespan_optimizer.workflow.reading import read_workflow


def workflow(text: str) -> Workflow:
    """The workflow of a text, named `ci.yml`."""
    return read_workflow(text, file="ci.yml")


def history(
    measured: Workflow,
    durations: Mapping[str, float],
    *,
    runs: int = 10,
    failures: Mapping[str, int] | None = None,
    written_bytes: Mapping[str, int] | None = None,
) -> PipelineProfile:
    """A profile in which a step takes the seconds given for its display name, or half a second."""
    jobs = []
    for job in measured.jobs:
        steps = tuple(
            StepProfile(
                job_id=job.job_id,
                path=str(step.index),
                name=step.display_name,
                index=step.index,
                kind=StepKind.RUN,
                runs=runs,
                failures=0,
                durations_s=(durations.get(step.display_name, 0.5),) * runs,
                cpu_s=durations.get(step.display_name, 0.5) / 2,
                memory_peak_bytes=None,
                io_write_bytes=(written_bytes or {}).get(step.display_name, 0),
            )
            for step in job.steps
        )
        total_s = sum(step.duration_s for step in steps)
        failed = (failures or {}).get(job.job_id, 0)
        jobs.append(JobProfile(job.job_id, runs, failed, total_s, 0.0, None, steps, total_s))
    return PipelineProfile("ci", runs, sum(job.duration_s for job in jobs), tuple(jobs))


def evidence(
    measured: Workflow,
    durations: Mapping[str, float] | None = None,
    *,
    files: Mapping[str, str] | None = None,
    runs: int = 10,
    failures: Mapping[str, int] | None = None,
    written_bytes: Mapping[str, int] | None = None,
) -> Evidence:
    """Evidence with a history where durations are given, and with the files given."""
    profile = None
    if durations is not None:
        profile = history(measured, durations, runs=runs, failures=failures, written_bytes=written_bytes)
    return evidence_for(measured, profile, (files or {}).get)
