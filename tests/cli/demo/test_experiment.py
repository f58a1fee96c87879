from __future__ import annotations

from makespan_cli.demo.experiment import Arm, comparison_order, history_count


def test_every_side_runs_equally_often() -> None:
    for runs in (1, 2, 3, 5):
        arms = [Arm.BEFORE] * history_count(runs) + [arm for arm, _ in comparison_order(runs)]
        assert {arm: arms.count(arm) for arm in Arm} == dict.fromkeys(Arm, runs)


def test_a_run_of_the_workflow_as_it_is_stands_among_the_rewritten_ones() -> None:
    arms = [arm for arm, _ in comparison_order(3)]
    assert arms == [Arm.COLD, Arm.WARM, Arm.BEFORE, Arm.COLD, Arm.WARM, Arm.COLD, Arm.WARM]


def test_every_warm_run_follows_the_cold_run_that_fills_its_cache() -> None:
    order = list(comparison_order(3))
    for position, (arm, cache) in enumerate(order):
        if arm is Arm.WARM:
            assert (Arm.COLD, cache) in order[:position]
    cold = [cache for arm, cache in order if arm is Arm.COLD]
    assert len(set(cold)) == len(cold)
