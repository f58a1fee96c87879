"""Steps and tests that fail although the code is good, by what their failures cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from makespan_analytics.findings.evidence import Evidence
from makespan_analytics.findings.finding import (
    MOST_RUN_IDS,
    Confidence,
    Effect,
    Finding,
    FindingKind,
    FindingSubject,
    Measurement,
)
from makespan_analytics.flakiness.standings import Advice, FlakyStanding

_FEWEST_MIXED = 2
"""One commit with both outcomes may be an accident of the machine."""
_SURE_MIXED = 3
_MENDED_CHANCE = 0.05
"""When so long a row of runs without a failure has less chance than this, it is taken to be mended."""


def find(evidence: Evidence) -> Iterable[Finding]:
    """A finding for each flaky test, and for flaky steps without one; steps of one name have one cause."""
    explained = {(one.subject.job_id, one.subject.step_path) for one in evidence.flaky_tests}
    groups: dict[tuple[str, bool], list[FlakyStanding]] = defaultdict(list)
    for one in evidence.flaky_tests:
        groups[one.name, True].append(one)
    for one in evidence.flaky_steps:
        if (one.subject.job_id, one.subject.step_path) not in explained:
            groups[one.name, False].append(one)
    for (name, is_test), members in groups.items():
        if sum(one.mixed_groups for one in members) >= _FEWEST_MIXED and not _is_mended(evidence, members):
            yield _finding(evidence, name, members, is_test=is_test)


def _failed_runs(evidence: Evidence, members: Sequence[FlakyStanding]) -> list[int]:
    """Places of the runs it spoilt in the history; those passed only after a retry within a step are not known."""
    failed = {(failure.run_id, failure.attempt) for one in members for failure in one.spurious}
    return [place for place, run in enumerate(evidence.runs) if (run.identity.run_id, run.identity.attempt) in failed]


def _is_mended(evidence: Evidence, members: Sequence[FlakyStanding]) -> bool:
    failed = _failed_runs(evidence, members)
    if not failed:
        return False
    passed_since = len(evidence.runs) - 1 - failed[-1]
    return (1 - len(failed) / len(evidence.runs)) ** passed_since < _MENDED_CHANCE


def _finding(evidence: Evidence, name: str, members: Sequence[FlakyStanding], *, is_test: bool) -> Finding:
    worst = max(members, key=lambda one: one.flakiness.probability)
    sole = members[0].subject if len(members) == 1 else None
    spurious = [failure for one in members for failure in one.spurious]
    run_ids = tuple(dict.fromkeys(failure.run_id for failure in spurious))
    places = _failed_runs(evidence, members)
    mixed = sum(one.mixed_groups for one in members)
    return evidence.finding(
        FindingKind.FLAKINESS,
        FindingSubject(
            job_id=sole.job_id if sole else None,
            step_path=sole.step_path if sole else None,
            key="test" if is_test else "step",
            name=name if sole is None or is_test else f"{sole.job_id}: {name}",
        ),
        identity=("test" if is_test else "step", name),
        numbers=(
            Measurement("probability of a failure on good code", worst.flakiness.probability, "ratio"),
            Measurement("low end of it", worst.flakiness.low, "ratio"),
            Measurement("high end of it", worst.flakiness.high, "ratio"),
            Measurement("commits with both outcomes", mixed, "commits"),
            Measurement("failures without a cause", len(spurious), "failures", run_ids[-MOST_RUN_IDS:]),
            Measurement("executions", sum(one.executions for one in members), "executions"),
            Measurement("runner time lost", sum(one.lost_s for one in members), "s"),
        ),
        effect=Effect(
            makespan_s=len(run_ids) / len(evidence.runs) * evidence.analysis.makespan_s,
            usd_per_month=_usd_per_month(evidence, members),
            how="another run of median length for each run it failed; money for the jobs it spoilt",
        ),
        seen=(evidence.runs[places[0]], evidence.runs[places[-1]]) if places else None,
        confidence=Confidence.HIGH if mixed >= _SURE_MIXED else Confidence.MEDIUM,
        advice=_advice(name, worst),
    )


def _usd_per_month(evidence: Evidence, members: Sequence[FlakyStanding]) -> float | None:
    prices = evidence.costs.usd_per_job
    usd = [prices[one.subject.job_id] * len(one.spurious) for one in members if one.subject.job_id in prices]
    return sum(usd) / len(evidence.runs) * evidence.runs_per_month if usd else None


def _advice(name: str, worst: FlakyStanding) -> str:
    percent = f"{100 * worst.flakiness.probability:.2g} %"
    if worst.advice is Advice.QUARANTINE:
        return f"Take {name!r} out of what must pass until it is mended: it fails {percent} of the time on good code."
    if worst.advice is Advice.RETRY:
        return f"Give {name!r} one more try and mend it: it fails {percent} of the time on good code."
    return f"Watch {name!r}: it failed {len(worst.spurious)} times on code that also passed."
