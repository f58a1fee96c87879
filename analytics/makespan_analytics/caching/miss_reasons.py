"""Why a cache was not found, as far as the history tells.

Keys are not recorded, so that most misses can only be narrowed down: what is ruled out is ruled out by the provider's
documented rules, and what is left is said to be left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from makespan_analytics.caching.restores import Restore, Scope
from makespan_model.records import CacheOutcome

KeyChanged = Callable[[str, str], bool | None]
"""Whether the files that a key is made of differ between two commits; None where that is not known."""

_UNUSED_NS = 7 * 86_400 * 10**9
"""GitHub removes caches nobody used for seven days (docs.github.com, Usage limits and eviction policy)."""
_GITHUB = "github"


class MissReason(StrEnum):
    """Why the exact cache was not there."""

    FIRST_SEEN = "first in this history"
    """Nothing that could have saved it came before."""
    FIRST_OF_BRANCH = "first of its branch"
    """Other branches had it, but neither this one nor the default one, and only those are looked at."""
    UNUSED = "unused for seven days"
    """GitHub had removed it by then."""
    NOT_YET_SAVED = "not saved yet"
    """The job that missed it before was still running: caches are saved at a job's end."""
    NOT_SAVED = "not saved"
    """The job that missed it before did not succeed, and caches are saved only by those that do."""
    EVICTED = "evicted"
    """A run of the same commit (or one with the same key files) had it or saved it: it was removed for its size, or its
    key depends on more than the commit, such as the date."""
    KEY_CHANGED = "key changed"
    """An older cache was there to start from, or the key's files are known to have changed."""
    CHANGED_OR_EVICTED = "key changed or evicted"
    """It had been there, and nothing on record tells the two apart."""


@dataclass(frozen=True, slots=True)
class ExplainedMiss:
    """A miss or partial hit, and why."""

    restore: Restore
    reason: MissReason


def explain_misses(
    restores: Sequence[Restore], *, default_branch: str | None = None, key_changed: KeyChanged | None = None
) -> list[ExplainedMiss]:
    """Explain every miss and partial hit of one cache step.

    Args:
        restores: Of one step, all legs, in order of time; each leg is looked at by itself.
        default_branch: Its caches are seen by all branches (docs.github.com, Restrictions for accessing a cache).
        key_changed: What tells whether a key's files changed between two commits, such as git.
    """
    by_leg: dict[str, list[Restore]] = defaultdict(list)
    for one in restores:
        by_leg[one.job].append(one)
    found = [
        one for leg in by_leg.values() for one in _explained(leg, Scope(default_branch, review=False), key_changed)
    ]
    return sorted(found, key=lambda one: one.restore.start_ns)


def _explained(leg: Sequence[Restore], shared: Scope, key_changed: KeyChanged | None) -> Iterator[ExplainedMiss]:
    of_scope: dict[Scope, list[Restore]] = defaultdict(list)
    for place, one in enumerate(leg):
        if one.outcome is not CacheOutcome.HIT:
            seen = [*of_scope[one.scope], *(of_scope[shared] if one.scope != shared else ())]
            yield ExplainedMiss(one, _reason(one, seen, leg[place - 1] if place else None, key_changed))
        of_scope[one.scope].append(one)


def _reason(one: Restore, seen: list[Restore], latest: Restore | None, key_changed: KeyChanged | None) -> MissReason:
    """Why `one` missed, with what came before it in the scopes it looks at, and the latest on any branch."""
    if one.outcome is not CacheOutcome.PARTIAL:
        if latest is None:
            return MissReason.FIRST_SEEN
        if not seen:
            return MissReason.FIRST_OF_BRANCH
        # Another branch may have used the default one's cache: only where none did it is surely gone.
        if one.provider == _GITHUB and one.start_ns - latest.start_ns >= _UNUSED_NS:
            return MissReason.UNUSED
        if not any(_had_it(other, one) for other in seen):
            is_running = any(_runs_at(other, one.start_ns) for other in seen)
            return MissReason.NOT_YET_SAVED if is_running else MissReason.NOT_SAVED
    return _changed_or_evicted(one, [other for other in seen if _had_it(other, one)], key_changed)


def _changed_or_evicted(one: Restore, had: list[Restore], key_changed: KeyChanged | None) -> MissReason:
    if one.commit is not None and any(other.commit == one.commit for other in had):
        return MissReason.EVICTED
    if one.outcome is CacheOutcome.PARTIAL:
        return MissReason.KEY_CHANGED
    before = max(had, key=lambda other: other.start_ns)
    told = None
    if key_changed is not None and before.commit is not None and one.commit is not None:
        told = key_changed(before.commit, one.commit)
    if told is None:
        return MissReason.CHANGED_OR_EVICTED
    return MissReason.KEY_CHANGED if told else MissReason.EVICTED


def _had_it(other: Restore, one: Restore) -> bool:
    """Whether a cache was there after an earlier restore: it was found, or its job saved one before this one began."""
    if other.outcome is CacheOutcome.HIT:
        return True
    return other.job_s is not None and other.job_end_ns is not None and other.job_end_ns <= one.start_ns


def _runs_at(other: Restore, time_ns: int) -> bool:
    return other.job_end_ns is None or other.job_end_ns > time_ns
