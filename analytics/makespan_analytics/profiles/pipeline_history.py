"""The profiles of one pipeline: of its jobs and steps, and of what all of their times differ by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from makespan_analytics.profiles.history_profile import JobHistory, profile_history
from makespan_analytics.profiles.run_variance import run_variance
from makespan_analytics.profiles.variance_split import VarianceSplit
from makespan_collector.store.series import job_series_of, step_series_of
from makespan_model.records import PipelineRun


@dataclass(frozen=True, slots=True)
class PipelineHistory:
    """One pipeline over its history.

    Attributes:
        jobs: In the order of their first runs.
        variance: What the times of all jobs together differ by; None for too few of them.
    """

    jobs: tuple[JobHistory, ...]
    variance: VarianceSplit | None


def pipeline_history(runs: Sequence[PipelineRun]) -> PipelineHistory:
    """Profile the runs of one pipeline, oldest first."""
    jobs = job_series_of(runs)
    return PipelineHistory(profile_history(jobs, step_series_of(runs)), run_variance(jobs))
