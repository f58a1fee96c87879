from __future__ import annotations

import pytest

from makespan_optimizer.expressions.conditions import bare_expression, read_condition
from makespan_optimizer.expressions.evaluation import certain_truth
from makespan_optimizer.expressions.grammar import ExpressionError


@pytest.mark.parametrize(
    ("condition", "bare"),
    [
        ("always()", "always()"),
        ("${{ always() }}", "always()"),
        ("${{ a }} && b", None),
        ("${{ a }}${{ b }}", None),
    ],
)
def test_a_condition_is_taken_out_of_its_braces_only_when_they_hold_all_of_it(condition: str, bare: str | None) -> None:
    assert bare_expression(condition) == bare


@pytest.mark.parametrize(
    ("condition", "names_status"),
    [
        ("always()", True),
        ("${{ !Cancelled() }}", True),
        ("github.event_name == 'failure()'", False),
        ("contains(needs.*.result, toJSON(failure()))", True),
        ("", True),
        ("${{ 'always()' }}", True),
        ("${{ ('always()') }}", False),
        ("x ${{ always() }}", True),
    ],
)
def test_a_status_function_is_found_wherever_it_is_called(condition: str, names_status: bool) -> None:
    assert read_condition(condition).names_status is names_status


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ("false", False),
        ("${{ false }}", False),
        # The trap: text beside the braces makes a string of it, and a string that is not empty is true.
        ("${{ false }} ", True),
        ("${{ false }} && true", True),
        ("always()", True),
        ("!always() || github.x", None),
        ("github.x && false", False),
        ("github.x || 'a' == 'A'", True),
        ("success()", None),
        ("!''", True),
    ],
)
def test_truth_is_told_only_where_it_is_certain(condition: str, truth: bool | None) -> None:
    tree = read_condition(condition).expression
    assert tree is not None
    assert certain_truth(tree) is truth


def test_known_contexts_decide() -> None:
    tree = read_condition("matrix.os == 'LINUX' && !matrix.x[1]").expression
    assert tree is not None
    assert certain_truth(tree) is None
    assert certain_truth(tree, {"matrix": {"OS": "linux", "x": [1.0, 0.0]}}) is True


def test_a_broken_condition_is_told_with_its_place() -> None:
    with pytest.raises(ExpressionError) as caught:
        read_condition("  a == ")
    assert (caught.value.what, caught.value.offset) == ("the expression ends too early", 6)
