from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.findings.finding import Confidence, Effect, Finding, FindingKind, FindingSubject, finding_id
from makespan_analytics.findings.ranking import ranked, worth_usd_per_month


def finding(
    name: str, makespan_s: float | None, usd: float | None, confidence: Confidence = Confidence.HIGH
) -> Finding:
    return Finding(
        finding_id=finding_id("octo/app", "ci", FindingKind.BOTTLENECK, name),
        kind=FindingKind.BOTTLENECK,
        repository="octo/app",
        pipeline="ci",
        subject=FindingSubject(None, None, name, name),
        evidence=(),
        effect=Effect(makespan_s, usd, "made up"),
        confidence=confidence,
        advice="Do something.",
        first_seen_ns=0,
        last_seen_ns=0,
    )


def names(*findings: Finding, runs_per_month: float = 100) -> list[str]:
    return [one.subject.name for one in ranked(findings, runs_per_month)]


def test_an_hour_of_waiting_counts_as_much_as_half_of_an_hours_pay() -> None:
    # 36 s in each of 100 runs are an hour: 32 USD.
    assert names(finding("time", 36, None), finding("less", None, 31), finding("more", None, 33)) == [
        "more",
        "time",
        "less",
    ]


def test_the_same_seconds_are_worth_more_in_a_pipeline_that_runs_more_often() -> None:
    both = (finding("time", 36, None), finding("money", None, 100))
    assert names(*both, runs_per_month=100) == ["money", "time"]
    assert names(*both, runs_per_month=1000) == ["time", "money"]


def test_what_is_sure_comes_before_what_may_be() -> None:
    assert names(finding("maybe", 10, None, Confidence.LOW), finding("sure", 9, None)) == ["sure", "maybe"]


def test_a_slower_but_cheaper_choice_is_worth_the_difference() -> None:
    assert worth_usd_per_month(finding("x", -36, 40), 100) == pytest.approx(8)


amounts = st.none() | st.floats(-1e6, 1e6)


@given(
    st.lists(st.builds(finding, st.sampled_from("abcdef"), amounts, amounts, st.sampled_from(Confidence)), max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_order_does_not_depend_on_the_order_found_and_each_id_comes_once(
    found: list[Finding], chance: object
) -> None:
    unique = list({one.finding_id: one for one in found}.values())
    shuffled = sorted(unique, key=lambda _: chance.random())  # type: ignore[attr-defined]
    order = ranked(unique, 100)
    assert order == ranked(shuffled, 100)
    worth = [worth_usd_per_month(one, 100) for one in order]
    assert worth == sorted(worth, reverse=True)
    assert len({one.finding_id for one in ranked(found, 100)}) == len(ranked(found, 100))


def test_an_effect_that_is_no_number_is_an_error() -> None:
    broken = replace(finding("x", 1, 1), effect=Effect(nan, None, "made up"))
    with pytest.raises(ValueError, match="no number"):
        ranked([broken], 100)
