from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.flakiness.estimation import Flakiness, Outcomes, estimate


def _one(*groups: Outcomes) -> Flakiness:
    return estimate([groups])[0]


def test_many_failures_beside_successes_give_their_rate() -> None:
    found = _one(*[Outcomes(10, 2)] * 50)

    assert found.probability == pytest.approx(0.2, abs=0.02)
    assert found.low < 0.2 < found.high
    assert found.high - found.low < 0.08


def test_commits_on_which_everything_failed_are_the_codes_own_fault() -> None:
    good, bad = [Outcomes(3, 0)] * 40, [Outcomes(3, 3)] * 20

    assert _one(*good, *bad).probability < 0.01


def test_a_lone_failure_says_less_than_a_failure_beside_a_success() -> None:
    sound = [Outcomes(1, 0)] * 30

    assert _one(*sound, Outcomes(1, 1)).probability < _one(*sound, Outcomes(2, 1)).probability


def test_what_never_failed_is_less_flaky_the_oftener_it_ran() -> None:
    rates = [_one(*[Outcomes(1, 0)] * times).high for times in (1, 10, 100, 1_000)]

    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.005


def test_nothing_seen_gives_the_prior() -> None:
    assert estimate([[]])[0].probability == pytest.approx(0.5 / 33.5, rel=0.05)


def test_the_others_pull_a_subject_of_few_executions_to_what_is_usual() -> None:
    few = [Outcomes(4, 1)]
    flaky_family = [[Outcomes(20, 2)] * 5 for _ in range(20)]
    sound_family = [[Outcomes(20, 0)] * 5 for _ in range(20)]

    among_flaky, among_sound = estimate([few, *flaky_family])[0], estimate([few, *sound_family])[0]

    assert among_sound.probability < among_flaky.probability < 0.25


def test_ninety_percent_intervals_hold_the_truth_about_that_often() -> None:
    randomness = random.Random(7)
    subjects, truths = [], []
    for _ in range(300):
        truth = randomness.betavariate(1, 30)
        groups = []
        for _ in range(40):
            executions = randomness.randint(1, 3)
            good = randomness.random() < 0.9
            failures = sum(randomness.random() < truth for _ in range(executions)) if good else executions
            groups.append(Outcomes(executions, failures))
        subjects.append(groups)
        truths.append(truth)

    held = sum(found.low <= truth <= found.high for found, truth in zip(estimate(subjects), truths, strict=True))

    assert 0.83 <= held / 300 <= 0.97


@given(st.lists(st.integers(1, 6).flatmap(lambda n: st.builds(Outcomes, st.just(n), st.integers(0, n))), max_size=30))
def test_estimates_are_probabilities_and_their_interval_is_in_order(groups: list[Outcomes]) -> None:
    found = _one(*groups)

    assert 0 < found.low <= found.high < 1
    assert 0 < found.probability < 1


@pytest.mark.parametrize("numbers", [(0, 0), (2, 3), (2, -1)])
def test_impossible_outcomes_are_refused(numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="failures of"):
        Outcomes(*numbers)
