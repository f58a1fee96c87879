"""How much whole runs and machines are slow, rather than single jobs: all jobs of a pipeline together.

Of one job there is mostly one time for each commit, so that a commit cannot be told from chance. All jobs of a run,
each in relation to its own usual time, are as many times for one commit.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from makespan_analytics.profiles.time_profile import factor_codes, levelled_logarithms
from makespan_analytics.profiles.variance_split import VarianceSplit, variance_split
from makespan_analytics.table_columns import codes, floats
from makespan_model.records import Result

MOST = 1_000
"""The newest times are looked at: some dozens of runs of a large pipeline, some hundreds of a small one."""
FEWEST_OF_A_JOB = 5
"""Times of a job from which its usual one is told."""


def run_variance(jobs: pa.Table) -> VarianceSplit | None:
    """Split the variance of the times of all jobs of one pipeline, each less its own median.

    Args:
        jobs: `JOB_SERIES` of one pipeline, oldest first; only successful jobs count.

    Returns:
        None for too few times.
    """
    jobs = jobs.filter((pc.field("result") == Result.SUCCESS) & pc.field("state").is_null())
    names = codes(jobs, "job_name")[0]
    counts = np.bincount(names) if len(names) else np.empty(0, dtype=np.int64)
    is_usual = counts[names] >= FEWEST_OF_A_JOB if len(names) else np.empty(0, dtype=np.bool_)
    jobs, names = jobs.filter(pa.array(is_usual, pa.bool_())), names[is_usual]
    if not jobs.num_rows:
        return None
    log_s = levelled_logarithms(floats(jobs, "duration_s"), names)
    return variance_split(log_s, factor_codes(jobs, jobs), most=MOST)
