"""Caches that are missed when they need not be, and caches that cost more than they save."""

from __future__ import annotations

from collections.abc import Iterable

from makespan_analytics.caching.cache_statistics import CacheStatistics, ReasonCount
from makespan_analytics.caching.miss_reasons import MissReason
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
from makespan_model.records import CacheOutcome

_LEAST_LOST_S = 1.0
"""What `regressions` does not report either, in the mean over all runs."""
_ENOUGH_PAIRS, _MANY_PAIRS = 10, 20
_ADVICE = {
    MissReason.FIRST_OF_BRANCH: "let runs of the default branch save it, whose caches all branches see",
    MissReason.UNUSED: "restore it in a scheduled run, as GitHub removes what nobody used for seven days",
    MissReason.NOT_YET_SAVED: "save it as soon as it is made, as the next run starts before the job has ended",
    MissReason.NOT_SAVED: "save it also when the job fails, in a step of its own",
    MissReason.EVICTED: "make it smaller or its key depend on less, as it was gone though nothing had changed",
    MissReason.KEY_CHANGED: "make its key depend on less: lock files instead of sources, no dates",
    MissReason.CHANGED_OR_EVICTED: "make its key depend on less, and give it an older cache to start from",
}
"""Nothing is to be done about the first time of all."""


def find(evidence: Evidence) -> Iterable[Finding]:
    """A finding for every cache that loses or wastes enough time."""
    for cache in evidence.caches:
        if cache.hit_saves is None or not cache.hit_saves.is_certain:
            continue
        reason = next((one for one in cache.reasons if one.reason in _ADVICE), None)
        if cache.hit_saves.seconds < 0:
            yield from _useless(evidence, cache)
        elif reason is not None:
            yield from _missed(evidence, cache, reason)


def _missed(evidence: Evidence, cache: CacheStatistics, reason: ReasonCount) -> Iterable[Finding]:
    assert cache.hit_saves is not None
    avoidable = sum(one.misses for one in cache.reasons if one.reason in _ADVICE)
    per_run = avoidable / len(evidence.lately)
    if per_run * cache.hit_saves.seconds < _LEAST_LOST_S:
        return
    ratio = cache.counts.ratio(CacheOutcome.MISS)
    numbers = [
        Measurement("restores that found nothing", ratio.value, "ratio"),
        Measurement("low end of it", ratio.low, "ratio"),
        Measurement("high end of it", ratio.high, "ratio"),
        *(
            Measurement(f"misses: {one.reason}", one.misses, "misses", one.run_ids)
            for one in cache.reasons
            if one.misses
        ),
    ]
    yield _finding(
        evidence,
        cache,
        key="missed",
        numbers=numbers,
        per_run=per_run,
        how="what a hit saves the job, for the misses that something can be done about",
        advice=f"Of {cache.counts.restores} restores {cache.counts.misses} found nothing, most often "
        f"({reason.reason}): {_ADVICE[reason.reason]}.",
    )


def _useless(evidence: Evidence, cache: CacheStatistics) -> Iterable[Finding]:
    assert cache.hit_saves is not None
    per_run = cache.counts.hits / len(evidence.lately)
    if per_run * -cache.hit_saves.seconds < _LEAST_LOST_S:
        return
    yield _finding(
        evidence,
        cache,
        key="useless",
        numbers=[Measurement("hits", cache.counts.hits, "hits"), Measurement("misses", cache.counts.misses, "misses")],
        per_run=per_run,
        how="what jobs that hit take longer than jobs that miss",
        advice=f"Leave {cache.name!r} out: jobs that find this cache take {-cache.hit_saves.seconds:.0f} s longer.",
    )


def _finding(
    evidence: Evidence,
    cache: CacheStatistics,
    *,
    key: str,
    numbers: list[Measurement],
    per_run: float,
    how: str,
    advice: str,
) -> Finding:
    saves = cache.hit_saves
    assert saves is not None
    on_path = evidence.on_path_ratio(cache.job_id)
    low_s, high_s = sorted((abs(saves.low), abs(saves.high)))
    price = evidence.costs.usd_per_s.get(cache.job_id)
    numbers = [
        *numbers,
        Measurement("a hit saves its job", saves.seconds, "s"),
        Measurement("misses beside hits that tell it", saves.pairs, "misses"),
        Measurement("part of the runs that wait for the job", on_path, "ratio", evidence.recent_ids[-MOST_RUN_IDS:]),
    ]
    return evidence.finding(
        FindingKind.CACHING,
        FindingSubject(cache.job_id, cache.step, key, f"{cache.job_id}: {cache.name}"),
        numbers=numbers,
        effect=Effect(
            makespan_s=per_run * abs(saves.seconds) * on_path,
            low_s=per_run * low_s * on_path,
            high_s=per_run * high_s * on_path,
            usd_per_month=None if price is None else per_run * abs(saves.seconds) * price * evidence.runs_per_month,
            how=f"{how}; makespan for the part of the runs that wait for the job",
        ),
        confidence=_confidence(saves.pairs),
        advice=advice,
        seen=(evidence.lately[0], evidence.lately[-1]),
    )


def _confidence(pairs: int) -> Confidence:
    if pairs >= _MANY_PAIRS:
        return Confidence.HIGH
    return Confidence.MEDIUM if pairs >= _ENOUGH_PAIRS else Confidence.LOW
