"""What takes a little more every week, with no single change to blame."""

from __future__ import annotations

from collections.abc import Iterable

from makespan_analytics.findings.evidence import Evidence
from makespan_analytics.findings.finding import Confidence, Effect, Finding, FindingKind, FindingSubject, Measurement
from makespan_analytics.profiles.drifts import Drift
from makespan_analytics.regressions.pipeline_changes import MIN_EFFECT
from makespan_model.units import format_duration

_LEAST_S = 1.0
"""What `regressions` does not report either, as the relative effect under which nobody would act."""


def find(evidence: Evidence) -> Iterable[Finding]:
    """One finding: of the whole pipeline where that drifts upwards, else of the job that drifts most."""
    upwards = [
        one
        for one in evidence.drifts
        if one.end_s - one.start_s >= max(_LEAST_S, MIN_EFFECT * one.start_s) and one.trend.low > 0
    ]
    # The whole comes first of all, then the job that changed most: what it waits for drifts with it.
    if upwards:
        yield _finding(evidence, upwards[0], len(upwards))


def _finding(evidence: Evidence, drift: Drift, series: int) -> Finding:
    grown_s = drift.end_s - drift.start_s
    job_id = evidence.job_id_of(drift.job)
    on_path = 1.0 if job_id is None else evidence.on_path_ratio(job_id)
    price = None if job_id is None else evidence.costs.usd_per_s.get(job_id)
    first = next(run for run in evidence.runs if run.identity.run_id == drift.run_ids[0])
    what = "The pipeline" if drift.job is None else f"{drift.job!r}"
    return evidence.finding(
        FindingKind.DRIFT,
        FindingSubject(job_id, None, "duration_s", drift.job or "whole pipeline"),
        # The label, not the job's id: legs of a matrix drift one by one.
        identity=(drift.job or "",),
        numbers=(
            Measurement("where it began", drift.start_s, "s", drift.run_ids[:1]),
            Measurement("where it is now", drift.end_s, "s", drift.run_ids[1:]),
            Measurement("more every week", drift.trend.per_week, "s"),
            Measurement("low end of it", drift.trend.low, "s"),
            Measurement("high end of it", drift.trend.high, "s"),
            Measurement("runs looked at", drift.runs, "runs"),
            Measurement("series that drift with it", series, "series"),
        ),
        effect=Effect(
            makespan_s=grown_s * on_path,
            usd_per_month=None if price is None else grown_s * price * evidence.runs_per_month,
            how="what it grew by since the slope began, for the part of the runs that wait for it",
        ),
        # A slope that may as well be half of it is sure to be there, and not much more.
        confidence=Confidence.HIGH if drift.trend.low >= 0.5 * drift.trend.per_week else Confidence.MEDIUM,
        advice=f"See what grows with every commit (tests, caches, data): {what[0].lower() + what[1:]} takes "
        f"{format_duration(drift.trend.per_week)} more each week, and no one change is to blame.",
        seen=(first, evidence.runs[-1]),
    )
