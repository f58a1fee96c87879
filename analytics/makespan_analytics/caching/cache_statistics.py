"""Each cache of a pipeline: how often it is found, what that saves, what misses lose and why they happen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from makespan_analytics.caching.hit_ratios import HitCounts, HitTrend, count_outcomes, hit_trend
from makespan_analytics.caching.miss_reasons import KeyChanged, MissReason, explain_misses
from makespan_analytics.caching.restores import Restore
from makespan_analytics.caching.time_saved import Saving, saving
from makespan_model.records import CacheOutcome

_NAMED_RUNS = 5


@dataclass(frozen=True, slots=True)
class BranchCache:
    """One cache on one branch.

    Attributes:
        branch: None where nobody recorded it.
        saved_s: What its hits saved in all; None where the saving of a hit is not known.
        lost_s: What its misses lost in all, likewise.
    """

    branch: str | None
    counts: HitCounts
    saved_s: float | None
    lost_s: float | None


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often one reason explains a miss; `partials` of them had an older cache to start from.

    Attributes:
        run_ids: Of the newest five.
    """

    reason: MissReason
    misses: int
    partials: int
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """One cache step over its history, all legs of its job.

    Attributes:
        step: The pooled path of the step that restores it.
        hit_saves: What a job saves by a hit instead of a miss; None with too few misses beside hits.
        partial_costs: What a job takes longer with a partial hit than with a hit; likewise.
        saved_s: What all hits saved; None where `hit_saves` is not known, and worth as much as that is certain.
        lost_s: What all misses lost; likewise.
        restore_s: Median time of the step when it hits; None without a hit.
        written_bytes: Median of what it then wrote to disk: about the unpacked cache. None where not measured.
        branches: Those that lost most first.
        reasons: The most frequent first.
        trend: None for too few restores.
    """

    job_id: str
    step: str
    name: str
    counts: HitCounts
    hit_saves: Saving | None
    partial_costs: Saving | None
    saved_s: float | None
    lost_s: float | None
    restore_s: float | None
    written_bytes: int | None
    branches: tuple[BranchCache, ...]
    reasons: tuple[ReasonCount, ...]
    trend: HitTrend | None


def cache_statistics(
    restores: Sequence[Restore], *, default_branch: str | None = None, key_changed: KeyChanged | None = None
) -> tuple[CacheStatistics, ...]:
    """Statistics of every cache of a pipeline, the one whose misses lose most first.

    Args:
        restores: Of one pipeline, in order of time.
        default_branch: As for `miss_reasons.explain_misses`.
        key_changed: Likewise.
    """
    by_step: dict[tuple[str, str], list[Restore]] = defaultdict(list)
    for one in restores:
        by_step[one.job_id, one.step].append(one)
    found = [_of_step(members, default_branch, key_changed) for members in by_step.values()]
    return tuple(sorted(found, key=lambda one: (-(one.lost_s or 0.0), -one.counts.misses, one.job_id, one.step)))


def _of_step(
    restores: Sequence[Restore], default_branch: str | None, key_changed: KeyChanged | None
) -> CacheStatistics:
    latest, counts = restores[-1], count_outcomes(restores)
    saves = saving(restores)
    hits = [one for one in restores if one.outcome is CacheOutcome.HIT]
    written = [one.written_bytes for one in hits if one.written_bytes is not None]
    saved_s, lost_s = _totals(counts, saves)
    return CacheStatistics(
        job_id=latest.job_id,
        step=latest.step,
        name=latest.name,
        counts=counts,
        hit_saves=saves,
        partial_costs=saving(restores, CacheOutcome.PARTIAL),
        saved_s=saved_s,
        lost_s=lost_s,
        restore_s=median(one.restore_s for one in hits) if hits else None,
        written_bytes=round(median(written)) if written else None,
        branches=_branches(restores, saves),
        reasons=_reasons(restores, default_branch, key_changed),
        trend=hit_trend(restores),
    )


def _totals(counts: HitCounts, saves: Saving | None) -> tuple[float | None, float | None]:
    """Seconds saved by hits and lost by misses: the same for every restore, as one alone tells nothing."""
    return (None, None) if saves is None else (counts.hits * saves.seconds, counts.misses * saves.seconds)


def _branches(restores: Sequence[Restore], saves: Saving | None) -> tuple[BranchCache, ...]:
    by_branch: dict[str | None, list[Restore]] = defaultdict(list)
    for one in restores:
        by_branch[one.scope.ref].append(one)
    found = []
    for branch, members in by_branch.items():
        counts = count_outcomes(members)
        found.append(BranchCache(branch, counts, *_totals(counts, saves)))
    return tuple(sorted(found, key=lambda one: (-one.counts.misses, -one.counts.restores, one.branch or "")))


def _reasons(
    restores: Sequence[Restore], default_branch: str | None, key_changed: KeyChanged | None
) -> tuple[ReasonCount, ...]:
    explained = explain_misses(restores, default_branch=default_branch, key_changed=key_changed)
    counts = Counter(one.reason for one in explained)
    partials = Counter(one.reason for one in explained if one.restore.outcome is CacheOutcome.PARTIAL)
    run_ids: dict[MissReason, dict[str, None]] = defaultdict(dict)
    for one in reversed(explained):
        run_ids[one.reason].setdefault(one.restore.run_id)
    return tuple(
        ReasonCount(reason, count - partials[reason], partials[reason], tuple(run_ids[reason])[:_NAMED_RUNS])
        for reason, count in counts.most_common()
    )
