"""The profiles of a pipeline as JSON, in the shape that docs/analytics.md documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from makespan_analytics.profiles.history_profile import JobHistory, StepHistory
    from makespan_analytics.profiles.quantiles import Quantile
    from makespan_analytics.profiles.time_profile import TimeProfile
    from makespan_analytics.profiles.variance_split import VarianceSplit


def job_history_as_json(job: JobHistory) -> dict[str, Any]:
    """One job with its steps."""
    return {
        "job_id": job.job_id,
        "runs": job.runs,
        "failures": job.failures,
        "time": None if job.time is None else _time_as_json(job.time),
        "queue_s": _quantiles_as_json(job.queue_s),
        "queue_ratio": job.queue_ratio,
        "setup": None if job.setup is None else asdict(job.setup),
        "steps": [_step_as_json(step) for step in job.steps],
    }


def variance_as_json(split: VarianceSplit | None) -> dict[str, Any] | None:
    """What times differ by; None for too few of them."""
    if split is None:
        return None
    return {
        "times": split.times,
        "spread_ratio": split.spread_ratio,
        "left_ratio": split.left_ratio,
        "shares": [
            {
                **asdict(share),
                "factor": share.factor.value,
                "entangled_with": [one.value for one in share.entangled_with],
            }
            for share in split.shares
        ],
        "untold": [{"factor": factor.value, "why": why} for factor, why in split.untold],
    }


def _step_as_json(step: StepHistory) -> dict[str, Any]:
    return {
        "step_path": step.step,
        "name": step.name,
        "runs": step.runs,
        "failures": step.failures,
        "is_setup": step.is_setup,
        "class": None if step.use.kind is None else step.use.kind.value,
        "use": asdict(step.use),
        "time": None if step.time is None else _time_as_json(step.time),
    }


def _time_as_json(time: TimeProfile) -> dict[str, Any]:
    trend = time.trend
    return {
        "runs": time.runs,
        "quantiles_s": _quantiles_as_json(time.quantiles_s),
        "trend": None if trend is None else {**asdict(trend), "kind": trend.kind.value},
        "depends_on": variance_as_json(time.variance),
    }


def _quantiles_as_json(quantiles: Sequence[Quantile]) -> list[dict[str, Any]]:
    return [asdict(one) for one in quantiles]
