"""Changes for the worse that still hold, each with the commits it came with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from makespan_analytics.findings.evidence import Evidence
from makespan_analytics.findings.finding import (
    Confidence,
    Effect,
    Finding,
    FindingKind,
    FindingSubject,
    Measurement,
)
from makespan_analytics.regressions.history_series import Measure
from makespan_analytics.regressions.pipeline_changes import Cause, Change
from makespan_model.units import format_bytes, format_duration

_SURE, _FAIRLY_SURE = 0.999, 0.99
"""One false alarm in a thousand series, and in a hundred."""
WORDS = {
    Measure.DURATION: ("duration", "s"),
    Measure.QUEUE: ("queue time", "s"),
    Measure.CPU: ("CPU time", "s"),
    Measure.MEMORY_PEAK: ("memory peak", "bytes"),
    Measure.READ: ("bytes read", "bytes"),
    Measure.WRITTEN: ("bytes written", "bytes"),
}


def find(evidence: Evidence) -> Iterable[Finding]:
    """A finding for every cause whose headline is a regression of the newest regime."""
    for cause in evidence.changes.causes:
        if cause.headline.is_regression and cause.headline.is_current:
            yield _finding(evidence, cause)


def _finding(evidence: Evidence, cause: Cause) -> Finding:
    change = cause.headline
    word, unit = WORDS[change.measure]
    begun = next(run for run in evidence.runs if run.identity.run_id == change.first_bad[0])
    runs = (change.last_good[0], change.first_bad[0])
    numbers = [
        Measurement("before", change.point.before, unit, runs[:1]),
        Measurement("after", change.point.after, unit, runs[1:]),
        Measurement("series that changed", len(cause.changes), "series"),
        Measurement("probability that it is no chance", change.point.confidence, "ratio"),
    ]
    subject = change.subject
    found = evidence.finding(
        FindingKind.REGRESSION,
        FindingSubject(evidence.job_id_of(subject.job), subject.step, change.measure.value, subject.name),
        numbers=numbers,
        effect=Effect(
            makespan_s=_makespan_s(evidence, cause.changes),
            usd_per_month=_usd_per_month(evidence, cause.changes),
            how="median after less median before, for the part of the runs that wait for it; money for the jobs",
        ),
        confidence=_confidence(change.point.confidence),
        advice=_advice(cause, word),
        seen=(begun, evidence.runs[-1]),
    )
    # What is said about a change by its id holds for the finding as well.
    return replace(found, finding_id=change.change_id)


def _makespan_s(evidence: Evidence, changes: Sequence[Change]) -> float | None:
    """Of the pipeline's own series where it changed; otherwise the most that one part of it adds on the path."""
    timed = [one for one in changes if one.measure in (Measure.DURATION, Measure.QUEUE)]
    whole = next((one for one in timed if one.subject.job is None), None)
    if whole is not None:
        return whole.point.after - whole.point.before
    parts = [
        (one.point.after - one.point.before)
        * evidence.on_path_ratio(
            evidence.job_id_of(one.subject.job), one.subject.step, queue=one.measure is Measure.QUEUE
        )
        for one in timed
    ]
    return max(parts, default=None)


def _usd_per_month(evidence: Evidence, changes: Sequence[Change]) -> float | None:
    """Paid seconds more, of whole jobs where those changed, otherwise of steps."""
    timed = [one for one in changes if one.measure is Measure.DURATION and one.subject.job is not None]
    counted = [one for one in timed if one.subject.step is None] or timed
    usd = [
        (one.point.after - one.point.before) * price
        for one in counted
        if (price := evidence.costs.usd_per_s.get(evidence.job_id_of(one.subject.job) or "")) is not None
    ]
    return sum(usd) * evidence.runs_per_month if usd else None


def _confidence(probability: float) -> Confidence:
    if probability >= _SURE:
        return Confidence.HIGH
    return Confidence.MEDIUM if probability >= _FAIRLY_SURE else Confidence.LOW


def _advice(cause: Cause, word: str) -> str:
    change = cause.headline
    (good_run, good), (bad_run, bad) = change.last_good, change.first_bad
    between = f"runs {good_run} and {bad_run}" if not good or not bad else f"{good[:12]} and {bad[:12]}"
    shown = format_bytes if change.measure.value.endswith("_bytes") else format_duration
    rose = f"the {word} rose from {shown(change.point.before)} to {shown(change.point.after)}"
    part = _largest_part(cause)
    most = "" if part is None else f", above all in {part.subject.name!r}"
    return f"See what changed between {between}: {rose}{most}."


def _largest_part(cause: Cause) -> Change | None:
    """The step, or else the job, that explains most of a change of something larger."""
    headline = cause.headline
    if headline.subject.step is not None:
        return None
    same = [one for one in cause.changes if one.measure is headline.measure and one is not headline]
    parts = [one for one in same if one.subject.step is not None] or same
    return max(parts, key=lambda one: one.point.after - one.point.before, default=None)
