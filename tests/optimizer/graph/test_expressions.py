from __future__ import annotations

import pytest

from makespan_optimizer.graph.expressions import bare_expression, embedded, references


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("${{ needs.build.outputs.x }}", {"build"}),
        ("${{ needs['build'].result }}", {"build"}),
        ("${{ needs.*.result }}", {"*"}),
        ("${{ toJSON(needs) }}", {"*"}),
        ("${{ needs[matrix.job].result }}", {"*"}),
        ("${{ 'needs.build.result' }}", set()),
        ("${{ 'it''s needs.build' }} ${{ needs.test.result }}", {"test"}),
        ("needs.build.result outside", set()),
        ("${{ format('}} {0}', needs.a.result) }}", {"a"}),
        ("${{ NEEDS.Build.result }}", {"build"}),
    ],
)
def test_references_to_needs_are_found_outside_quoted_text_only(text: str, members: set[str]) -> None:
    assert references([text]).members("needs") == members


def test_functions_and_names_are_told_apart() -> None:
    found = references((), ["always() && github.event_name == 'failure()'"])
    assert found.functions == {"always"}
    assert ("github", "event_name") in found.paths


def test_an_index_that_is_computed_is_read_too() -> None:
    assert references(["${{ fromJSON(needs.a.outputs.m)[matrix.x] }}"]).members("matrix") == {"x"}


def test_an_expression_without_end_makes_the_references_inexact() -> None:
    assert not references(["${{ needs.a"]).exact
    assert references(["${{ needs.a.result }}"]).exact


def test_an_expression_ends_at_the_first_braces_outside_a_string() -> None:
    assert list(embedded("a ${{ '}}' }} b ${{ x }}")) == [" '}}' ", " x "]


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
