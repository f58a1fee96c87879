from __future__ import annotations

from collections.abc import Sequence

import pytest

from makespan_analytics.caching.miss_reasons import KeyChanged, MissReason, explain_misses
from makespan_analytics.caching.restores import restores_of
from makespan_model.records import PipelineRun, Result
from support.cache_runs import HIT, MISS, PARTIAL, cached_run


def _reasons(runs: Sequence[PipelineRun], *, key_changed: KeyChanged | None = None) -> list[MissReason]:
    found = explain_misses(restores_of(runs), default_branch="main", key_changed=key_changed)
    return [one.reason for one in found]


def test_the_first_of_all_has_nothing_before_it() -> None:
    assert _reasons([cached_run(1, MISS, hours=0), cached_run(2, HIT, hours=1)]) == [MissReason.FIRST_SEEN]


def test_a_branch_sees_the_default_branchs_caches_and_its_own_alone() -> None:
    other = cached_run(1, HIT, hours=0, ref="other")
    assert _reasons([other, cached_run(2, MISS, hours=1, ref="new")]) == [MissReason.FIRST_OF_BRANCH]
    shared = cached_run(1, HIT, hours=0, ref="main")
    assert _reasons([shared, cached_run(2, MISS, hours=1, ref="new")]) == [MissReason.CHANGED_OR_EVICTED]


def test_a_reviews_caches_are_not_those_of_a_push_to_its_branch() -> None:
    pushed = cached_run(1, HIT, hours=0, ref="x")
    review = cached_run(2, MISS, hours=1, ref="x", event="pull_request")
    assert _reasons([pushed, review]) == [MissReason.FIRST_OF_BRANCH]


def test_github_removes_what_nobody_used_for_a_week() -> None:
    runs = [cached_run(1, HIT, hours=0), cached_run(2, MISS, hours=7 * 24)]
    assert _reasons(runs) == [MissReason.UNUSED]
    elsewhere = [
        cached_run(1, HIT, hours=0, provider="gitlab"),
        cached_run(2, MISS, hours=7 * 24, provider="gitlab"),
    ]
    assert _reasons(elsewhere) == [MissReason.CHANGED_OR_EVICTED]
    # Any branch may have used the default branch's cache in between.
    used = [runs[0], cached_run(3, HIT, hours=100, ref="x"), runs[1]]
    assert _reasons(used) == [MissReason.CHANGED_OR_EVICTED]


def test_what_was_missed_by_a_job_that_failed_or_still_runs_was_not_saved() -> None:
    failed = cached_run(1, MISS, hours=0, result=Result.FAILURE)
    assert _reasons([failed, cached_run(2, MISS, hours=1)])[1] is MissReason.NOT_SAVED
    slow = cached_run(1, MISS, hours=0, job_s=2 * 3600)
    assert _reasons([slow, cached_run(2, MISS, hours=1)])[1] is MissReason.NOT_YET_SAVED
    running = cached_run(1, MISS, hours=0, running=True)
    assert _reasons([running, cached_run(2, MISS, hours=1)])[1] is MissReason.NOT_YET_SAVED


def test_a_miss_of_a_commit_that_had_it_is_no_change_of_its_files() -> None:
    saved = cached_run(1, MISS, hours=0, commit="a")
    assert _reasons([saved, cached_run(2, MISS, hours=1, commit="a")])[1] is MissReason.EVICTED


def test_a_partial_hit_means_that_the_key_is_new() -> None:
    assert _reasons([cached_run(1, HIT, hours=0), cached_run(2, PARTIAL, hours=1)]) == [MissReason.KEY_CHANGED]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(True, MissReason.KEY_CHANGED), (False, MissReason.EVICTED), (None, MissReason.CHANGED_OR_EVICTED)],
)
def test_who_knows_the_keys_files_tells_the_two_apart(answer: bool | None, reason: MissReason) -> None:
    asked: list[tuple[str, str]] = []

    def key_changed(before: str, now: str) -> bool | None:
        asked.append((before, now))
        return answer

    runs = [cached_run(1, HIT, hours=0), cached_run(2, HIT, hours=1), cached_run(3, MISS, hours=2)]
    assert _reasons(runs, key_changed=key_changed) == [reason]
    assert asked == [("c2", "c3")]


def test_every_leg_has_caches_of_its_own() -> None:
    runs = [cached_run(1, HIT, hours=0, label="build (a)"), cached_run(2, MISS, hours=1, label="build (b)")]
    assert _reasons(runs) == [MissReason.FIRST_SEEN]
