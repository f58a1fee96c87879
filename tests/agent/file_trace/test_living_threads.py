from __future__ import annotations

from makespan_agent.file_trace.living_threads import LivingThreads


def test_a_child_lives_from_its_making_on_even_if_it_makes_no_call() -> None:
    threads = LivingThreads()
    threads.make(7)
    assert len(threads) == 1

    threads.end(7)
    assert len(threads) == 0


def test_a_child_whose_end_is_told_before_its_making_does_not_live() -> None:
    threads = LivingThreads()
    threads.see(7)
    threads.end(7)
    threads.make(7)

    assert len(threads) == 0


def test_a_number_that_is_given_again_is_another_thread() -> None:
    threads = LivingThreads()
    for _ in range(2):
        threads.make(7)
        threads.end(7)
    threads.make(7)

    assert len(threads) == 1
