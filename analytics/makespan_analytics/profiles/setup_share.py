"""The part of a job that only makes it ready: from its start to the first step that does its work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from makespan_analytics.profiles.quantiles import Floats
from makespan_analytics.setup_steps import is_before_work
from makespan_analytics.table_columns import Flags, Integers, codes, integers
from makespan_model.records import StepKind

_NS_PER_S = 1e9
_NEVER_NS = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class SetupShare:
    """The set-up of a job, over its successful runs.

    Attributes:
        setup_s: Median time from the job's start to its first step that is no set-up: the runner's own preparation,
            checkouts, tools, restored caches, installs. A lower bound, as `setup_steps` knows steps by name.
        ratio: Median of its part in the job's time.
        runs: Runs with a step that is no set-up.
    """

    setup_s: float
    ratio: float
    runs: int


def setup_flags(steps: pa.Table) -> Flags:
    """Whether each row of `STEP_SERIES` is a set-up step."""
    numbers, told = codes(steps, "step_kind", "step", "step_name")
    # The last place is that of steps of an unknown kind.
    known = np.array([*(is_before_work(StepKind(kind), path, name) for kind, path, name in told), False])
    found: Flags = known[numbers]
    return found


def work_starts_s(steps: pa.Table, is_setup: Flags, job_of_step: Integers, jobs: pa.Table) -> Floats:
    """For each job the seconds from its start to its first step that is no set-up; NaN where it has none.

    Args:
        steps: `STEP_SERIES`.
        is_setup: Of each step.
        job_of_step: Place of each step's job.
        jobs: `JOB_SERIES`.
    """
    job_starts_ns = integers(jobs, "start_ns")
    first_ns = np.full(jobs.num_rows, _NEVER_NS, dtype=np.int64)
    np.minimum.at(first_ns, job_of_step[~is_setup], integers(steps, "start_ns")[~is_setup])
    is_known = first_ns < _NEVER_NS
    found = np.full(jobs.num_rows, np.nan)
    found[is_known] = np.maximum(0, first_ns[is_known] - job_starts_ns[is_known]) / _NS_PER_S
    return found


def setup_share(starts_s: Floats, jobs_s: Floats) -> SetupShare | None:
    """The share of jobs with these starts of their work and these durations; None where no start is known."""
    is_known = ~np.isnan(starts_s) & (jobs_s > 0)
    if not is_known.any():
        return None
    known = np.minimum(starts_s[is_known], jobs_s[is_known])
    return SetupShare(float(np.median(known)), float(np.median(known / jobs_s[is_known])), int(is_known.sum()))
