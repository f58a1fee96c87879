from __future__ import annotations

import pytest

from makespan_optimizer.expressions.grammar import parse_expression
from makespan_optimizer.expressions.references import references, tree_references


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


def test_the_members_of_what_a_function_yields_are_no_context() -> None:
    found = references(["${{ fromJSON(needs.a.outputs.m).needs.b }} ${{ (needs).c }}"])
    assert found.paths == {("needs", "a", "outputs", "m"), ("needs", "c")}


def test_a_computed_index_stands_for_any_member_and_what_follows_is_kept() -> None:
    found = references(["${{ needs[format('{0}', matrix.job)].outputs['X'].*.y }}"])
    assert found.paths == {("needs", "*", "outputs", "x", "*", "y"), ("matrix", "job")}


def test_what_can_be_read_beside_a_broken_expression_still_counts() -> None:
    found = references(["${{ needs.a.result }} ${{ needs. }}"])
    assert (found.members("needs"), found.exact) == (frozenset({"a"}), False)


def test_references_know_their_place() -> None:
    text = "github.ref == needs . a.result"
    places = [
        (reference.path, text[reference.start : reference.end]) for reference in tree_references(parse_expression(text))
    ]
    assert places == [(("github", "ref"), "github.ref"), (("needs", "a", "result"), "needs . a.result")]
