from __future__ import annotations

import pytest

from makespan_optimizer.verification.conditions import PlainStep, UnreadableConditionError, run_steps, unknowns


def ran(*conditions: str | None, failing: tuple[str, ...] = (), cancelled: bool = False) -> list[str]:
    """Names of the steps a, b, c… (which are their ids too) that run."""
    steps = [PlainStep(name, name, condition) for name, condition in zip("abcdef", conditions, strict=False)]
    return sorted(run_steps(steps, failing, cancelled=cancelled, unknown=lambda _: True)[0])


def test_without_a_condition_a_step_runs_only_while_nothing_failed() -> None:
    assert ran(None, None, failing=("a",)) == ["a"]


@pytest.mark.parametrize(
    ("condition", "runs"),
    [
        ("always()", True),
        ("${{ !cancelled() }}", True),
        ("failure()", True),
        ("success()", False),
        ("github.ref == 'x'", False),
        ("success() || failure()", True),
        ("always() && steps.a.conclusion == 'success'", False),
        ("always() && steps.a.outcome != 'SUCCESS'", True),
        ("!cancelled() && (steps.a.conclusion == 'failure')", True),
        ("always() && steps.nobody.conclusion == 'success'", False),
    ],
)
def test_a_condition_after_a_failure(condition: str, runs: bool) -> None:
    assert ("b" in ran(None, condition, failing=("a",))) is runs


def test_only_always_survives_a_cancellation() -> None:
    assert ran(None, "always()", "!cancelled()", "cancelled()", cancelled=True) == ["b", "d"]


def test_a_forgiven_failure_does_not_fail_the_job() -> None:
    steps = [PlainStep("a", "a", None, forgiving=True), PlainStep("b", "b", "steps.a.outcome == 'failure'")]
    assert run_steps(steps, ("a",), cancelled=False, unknown=lambda _: False) == (frozenset("ab"), False)


def test_what_is_not_computed_is_named() -> None:
    assert unknowns(["github.ref == 'x' && contains(github.actor, 'b') && !env.A"]) == {
        "github.ref == 'x'",
        "contains ( github.actor , 'b' )",
        "env.A",
    }


@pytest.mark.parametrize("condition", ["${{ a }} and ${{ b }}", "a &&", "(a", "a b"])
def test_a_condition_that_cannot_be_read_is_refused(condition: str) -> None:
    with pytest.raises(UnreadableConditionError):
        unknowns([condition])
