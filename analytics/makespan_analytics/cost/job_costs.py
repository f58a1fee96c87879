"""What one job costs: its billed time times the price of the runner it asked for.

A runner whose price is not known is not guessed at: the job is counted as unpriced, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from makespan_analytics.cost.price_tables import RunnerClass, price_table
from makespan_model.records import JobRun, PipelineRun, Result

_SELF_HOSTED = "self-hosted"
_GITLAB_COM = "https://gitlab.com/"
_GITLAB_DEFAULT = ("saas-linux-small-amd64",)
"""What a job without tags runs on at GitLab.com (docs.gitlab.com, Hosted runners on Linux); elsewhere on anything."""


@dataclass(frozen=True, slots=True)
class JobCost:
    """The cost of one job.

    Attributes:
        job: The job's label.
        job_id: Its key in the workflow file.
        usd: List price; None when unknown.
        billed_s: Seconds that are paid for, rounding included.
        duration_s: Seconds it took.
        price: What the price is of: a runner class's name or one's own label; None when unknown.
        runner: The hosted class; None for one's own runners and unknown ones.
        unpriced: Why there is no price; empty when there is one.
    """

    job: str
    job_id: str
    usd: float | None
    billed_s: float
    duration_s: float
    price: str | None
    runner: RunnerClass | None = None
    unpriced: str = ""


def job_cost(run: PipelineRun, job: JobRun, own_usd_per_hour: Mapping[str, float]) -> JobCost:
    """What a job of a run costs.

    Args:
        run: Its provider's table is asked.
        job: A job that was skipped costs nothing.
        own_usd_per_hour: Price of an hour of one's own runners by label (setting `[runner_usd_per_hour]`); it also
            prices larger hosted runners, whose labels their administrator chose. It wins over the published table.
    """
    duration_s = job.duration_s
    if job.result is Result.SKIP:
        return JobCost(job.name, job.job_id, 0.0, 0.0, duration_s, "skipped")
    labels = job.runner_labels
    own = sorted(label for label in labels or () if label in own_usd_per_hour)
    if own:
        # A job gets a runner that has all of its labels; the dearest of them says most about which one.
        label = max(own, key=lambda name: own_usd_per_hour[name])
        return JobCost(
            job.name, job.job_id, own_usd_per_hour[label] * duration_s / 3600, duration_s, duration_s, price=label
        )
    table = price_table(run.identity.provider)
    if table is None:
        return _unpriced(job, f"no prices are known of {run.identity.provider}'s runners")
    if labels is None:
        return _unpriced(job, "nobody recorded which runner it asked for")
    if _SELF_HOSTED in labels:
        return _unpriced(job, f"own runner {', '.join(labels)}: no price in [runner_usd_per_hour]")
    if not labels and (job.url or run.url or "").startswith(_GITLAB_COM):
        labels = _GITLAB_DEFAULT
    found = table.class_of(labels)
    if found is None:
        return _unpriced(job, f"label {', '.join(labels) or '(none)'} is not in the price table of {table.as_of}")
    billed_s = duration_s
    if table.rounding_s:
        # A job that ran at all is billed one unit.
        billed_s = max(1, ceil(duration_s / table.rounding_s)) * table.rounding_s
    return JobCost(
        job.name, job.job_id, billed_s / 60 * found.usd_per_minute, billed_s, duration_s, found.name, runner=found
    )


def _unpriced(job: JobRun, why: str) -> JobCost:
    return JobCost(job.name, job.job_id, None, job.duration_s, job.duration_s, None, unpriced=why)
