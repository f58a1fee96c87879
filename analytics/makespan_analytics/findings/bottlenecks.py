"""Steps that the pipeline waits for, and the overhead of its jobs.

The effect is that of a quarter less time, by replay: what a person can often reach, where halving is a hope and
removing an upper bound. A step of one name in several jobs is one finding: what makes one faster makes all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from makespan_analytics.critical_path import SegmentKind
from makespan_analytics.findings.evidence import Evidence
from makespan_analytics.findings.finding import (
    Confidence,
    Effect,
    Finding,
    FindingKind,
    FindingSubject,
    Measurement,
)
from makespan_analytics.pipeline_analysis import StepStanding
from makespan_analytics.what_if.speedups import SPEEDUPS, Gain
from makespan_analytics.what_if.task_graph import Subject

SPEEDUP = 0.25
FEWEST_RUNS = 3
"""Under this no interval is worth its name."""
_LEAST_SAVED_RATIO = 0.02
"""One part in fifty of the makespan: less is lost in what runs differ by anyway."""
_LEAST_SAVED_S = 1.0
"""What `regressions` does not report either."""
_ENOUGH_RUNS = 10
_WAITS_CORES = 0.25
"""A step that uses less than a quarter of one core waits: for the network, a disk, or a timer."""
_OVERHEAD = "runner overhead"
_JOB = "job"


def find(evidence: Evidence) -> Iterable[Finding]:
    """Findings for everything that saves enough when it takes a quarter less time."""
    if len(evidence.recent) < FEWEST_RUNS:
        return
    has_steps = {job.job_id for run in evidence.recent for job in run.jobs if job.steps}
    groups: dict[tuple[str, str], list[Subject]] = defaultdict(list)
    for one in evidence.speedups:
        subject = one.subject
        if subject.kind is SegmentKind.STEP:
            groups[subject.kind.value, one.name or subject.step_path or ""].append(subject)
        elif subject.kind is SegmentKind.OVERHEAD and subject.job_id in has_steps:
            groups[subject.kind.value, _OVERHEAD].append(subject)
        elif subject.kind is SegmentKind.OVERHEAD:
            # Of an import without steps all of a job is outside of them: that is the job, and no overhead.
            groups[_JOB, subject.job_id].append(subject)
    gains = _gains(evidence, list(groups.values()))
    for ((key, name), members), gain in zip(groups.items(), gains, strict=True):
        if gain.saved_ratio >= _LEAST_SAVED_RATIO and gain.saved_s >= _LEAST_SAVED_S and gain.low_s > 0:
            yield _finding(evidence, key, name, members, gain)


def _gains(evidence: Evidence, groups: Sequence[Sequence[Subject]]) -> list[Gain]:
    """What each group is worth; of single subjects it is known, several together have to be replayed."""
    alone = {one.subject: one.gains[SPEEDUPS.index(SPEEDUP)] for one in evidence.speedups}
    several = [members for members in groups if len(members) > 1]
    together = iter(evidence.what_if.gains([dict.fromkeys(members, SPEEDUP) for members in several]))
    return [next(together) if len(members) > 1 else alone[members[0]] for members in groups]


def _finding(evidence: Evidence, key: str, name: str, members: Sequence[Subject], gain: Gain) -> Finding:
    places = {(one.job_id, one.step_path) for one in members}
    standings = [one for one in evidence.analysis.steps if (one.profile.job_id, one.profile.path) in places]
    job_ids = sorted({one.job_id for one in members})
    sole = members[0] if len(members) == 1 else None
    return evidence.finding(
        FindingKind.BOTTLENECK,
        FindingSubject(
            job_id=sole.job_id if sole else None,
            step_path=sole.step_path if sole else None,
            key=key,
            name=name if sole is None or key != SegmentKind.STEP else f"{sole.job_id}: {name}",
        ),
        # By name, not by place: a step that moves to another job, or into a second one, is the same bottleneck.
        identity=(key, name),
        numbers=_numbers(evidence, members, standings),
        effect=Effect(
            makespan_s=gain.saved_s,
            low_s=gain.low_s,
            high_s=gain.high_s,
            usd_per_month=_usd_per_month(evidence, members),
            how=f"a quarter less time, replayed through {len(evidence.recent)} runs; money for its part of its jobs",
        ),
        confidence=_confidence(evidence, gain),
        advice=_overhead_advice(evidence, job_ids)
        if key == SegmentKind.OVERHEAD
        else _advice(name, job_ids, standings),
        seen=(evidence.recent[0], evidence.recent[-1]),
    )


def _numbers(
    evidence: Evidence, members: Sequence[Subject], standings: Sequence[StepStanding]
) -> tuple[Measurement, ...]:
    runs = evidence.recent_ids
    shares = [one.share for one in standings if one.share is not None]
    if members[0].kind is SegmentKind.OVERHEAD:
        of_jobs = {one.job_id for one in members}
        others = evidence.analysis.others
        shares = [one for one in others if one.kind is SegmentKind.OVERHEAD and one.job_id in of_jobs]
    found = [
        Measurement("time on the critical path", sum(share.mean_critical_s for share in shares), "s", runs),
        Measurement("part of the makespan", sum(share.share_ratio for share in shares), "ratio", runs),
        Measurement("runs on the critical path", max((share.runs_on_path for share in shares), default=0), "runs"),
        Measurement("runs looked at", len(evidence.recent), "runs"),
    ]
    if standings:
        found.insert(0, Measurement("duration", max(one.profile.duration_s for one in standings), "s", runs))
    cores = [one.cores_used for one in standings if one.cores_used is not None]
    return (*found, Measurement("cores used", max(cores), "cores", runs)) if cores else tuple(found)


def _usd_per_month(evidence: Evidence, members: Sequence[Subject]) -> float | None:
    known = [
        evidence.step_usd[one.job_id, one.step_path or ""]
        for one in members
        if (one.job_id, one.step_path or "") in evidence.step_usd
    ]
    return SPEEDUP * sum(known) * evidence.runs_per_month if known else None


def _confidence(evidence: Evidence, gain: Gain) -> Confidence:
    if len(evidence.recent) < _ENOUGH_RUNS:
        return Confidence.LOW
    # An interval from half of the mean on leaves no doubt that the step matters.
    return Confidence.HIGH if gain.low_s >= 0.5 * gain.saved_s else Confidence.MEDIUM


def _advice(name: str, job_ids: Sequence[str], standings: Sequence[StepStanding]) -> str:
    where = f"{name!r}" if len(job_ids) == 1 else f"{name!r} in {len(job_ids)} jobs"
    cores = max((one.cores_used for one in standings if one.cores_used is not None), default=None)
    if cores is None:
        return f"Make {where} faster, split it over jobs, or start it earlier: the pipeline waits for it."
    if cores < _WAITS_CORES:
        return f"See what {where} waits for (it uses {cores:.1f} cores): cache or fetch it beforehand."
    if cores < 1 + _WAITS_CORES:
        return f"Run {where} in parallel or split it over jobs: it uses {cores:.1f} cores."
    return f"Split {where} over jobs or give it more cores: it uses {cores:.1f} already."


def _overhead_advice(evidence: Evidence, job_ids: Sequence[str]) -> str:
    shares = [one for one in evidence.analysis.others if one.kind is SegmentKind.OVERHEAD and one.job_id in job_ids]
    most = max(shares, key=lambda share: share.mean_critical_s).job_id if shares else job_ids[0]
    above_all = f", {most!r} above all," if len(job_ids) > 1 else ""
    jobs = repr(most) if len(job_ids) == 1 else f"its {len(job_ids)} jobs"
    verb = "spends" if len(job_ids) == 1 else "spend"
    return f"Shorten what {jobs}{above_all} {verb} outside of steps: smaller images, fewer service containers."
