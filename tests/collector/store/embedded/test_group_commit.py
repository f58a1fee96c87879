from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from makespan_collector.store.embedded.group_commit import GroupCommit


def test_items_that_wait_while_a_round_runs_share_the_next_one() -> None:
    rounds: list[list[int]] = []
    first_started, release_first = threading.Event(), threading.Event()

    def commit(items: Sequence[int]) -> None:
        rounds.append(list(items))
        if len(rounds) == 1:
            first_started.set()
            assert release_first.wait(10)

    group = GroupCommit(commit)
    with ThreadPoolExecutor(9) as pool:
        leader = pool.submit(group.submit, 0)
        assert first_started.wait(10)
        followers = [pool.submit(group.submit, n) for n in range(1, 9)]
        while len(group._pending) < 8:
            assert not any(follower.done() for follower in followers)
        release_first.set()
        for future in (leader, *followers):
            future.result(10)
    assert rounds[0] == [0]
    assert sorted(rounds[1]) == list(range(1, 9))
    assert len(rounds) == 2


def test_no_item_is_lost_or_committed_twice_under_contention() -> None:
    committed: list[int] = []
    inside = threading.Lock()

    def commit(items: Sequence[int]) -> None:
        assert inside.acquire(blocking=False), "two rounds at once"
        committed.extend(items)
        inside.release()

    group = GroupCommit(commit)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(group.submit, range(500)))
    assert sorted(committed) == list(range(500))


def test_a_failed_round_reaches_its_thread_and_the_next_round_works() -> None:
    failing = True

    def commit(items: Sequence[int]) -> None:
        if failing:
            raise OSError("disk full")

    group = GroupCommit(commit)
    with pytest.raises(OSError, match="disk full"):
        group.submit(1)
    failing = False
    group.submit(2)
