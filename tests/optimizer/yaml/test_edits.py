from __future__ import annotations

import pytest
import yaml_edit
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan_optimizer.yaml.data import value_of
from makespan_optimizer.yaml.edits import Edit, append_entries, insert_items, remove_entry, remove_item, replace_value
from makespan_optimizer.yaml.layout import EditError
from makespan_optimizer.yaml.nodes import Document
from makespan_optimizer.yaml.reading import parse_document, parse_documents
from makespan_optimizer.yaml.splices import EditConflictError, apply_edits

STEPS = """\
steps:
  # first
  - run: one   # tail

  # second
  - name: two
    run: |
      a
      b
    # about two

  - run: three
end: 1
"""


def document(text: str) -> Document:
    return parse_document(text, file="f.yml")


def edited(text: str, *edits: Edit) -> str:
    return apply_edits(document(text), edits).text


def test_an_item_goes_with_the_comments_that_speak_of_it() -> None:
    assert edited(STEPS, remove_item(document(STEPS), ("steps",), 1)) == (
        "steps:\n  # first\n  - run: one   # tail\n\n  - run: three\nend: 1\n"
    )


def test_the_last_item_goes_with_the_blank_lines_before_it() -> None:
    assert edited(STEPS, remove_item(document(STEPS), ("steps",), 2)) == STEPS.replace("\n  - run: three\n", "")


def test_an_item_is_inserted_above_the_comments_of_the_next_one_and_set_apart_like_its_neighbours() -> None:
    result = edited(STEPS, insert_items(document(STEPS), ("steps",), 1, "- uses: x\n  with:\n    a: 1\n"))
    assert "# tail\n\n  - uses: x\n    with:\n      a: 1\n\n  # second\n" in result


def test_an_item_is_appended_behind_the_comments_of_the_last_one() -> None:
    text = "s:\n- a: |\n    x\n  # deeper\n"
    assert edited(text, insert_items(document(text), ("s",), 1, "- b: 1\n")) == text + "- b: 1\n"


def test_line_endings_stay_as_the_file_has_them() -> None:
    text = STEPS.replace("\n", "\r\n")
    result = edited(text, insert_items(document(text), ("steps",), 0, "- uses: x\n"))
    assert "\n" not in result.replace("\r\n", "")


def test_an_insertion_at_the_end_of_a_file_without_final_newline_adds_none() -> None:
    assert edited("s:\n  - a", insert_items(document("s:\n  - a"), ("s",), 1, "- b\n")) == "s:\n  - a\n  - b"


def test_appending_behind_a_closing_block_scalar_without_final_newline_is_refused_because_its_value_would_change() -> (
    None
):
    text = "s:\n  - |\n    a"
    with pytest.raises(EditError, match="change more than it should"):
        edited(text, insert_items(document(text), ("s",), 1, "- b\n"))


def test_an_inserted_block_scalar_that_would_swallow_a_comment_is_refused() -> None:
    text = "a: 1\n    # far right\nb: 2\n"
    with pytest.raises(EditError, match="change more than it should"):
        edited(text, append_entries(document(text), (), "x: |\n  y\n", after="a"))


def test_an_entry_is_appended_with_the_indentation_of_its_mapping() -> None:
    result = edited(STEPS, append_entries(document(STEPS), ("steps", 1), "id: two\n", after="name"))
    assert "  - name: two\n    id: two\n    run: |\n" in result


def test_an_entry_is_removed_and_a_value_replaced_together() -> None:
    text = "job:\n  needs: [a, b] # why\n  if: x\n  runs-on: y\n"
    doc = document(text)
    result = edited(text, replace_value(doc, ("job", "needs"), "[a]"), remove_entry(doc, ("job",), "if"))
    assert result == "job:\n  needs: [a] # why\n  runs-on: y\n"


def test_a_null_gets_a_value() -> None:
    assert edited("a:\nb: 1\n", replace_value(document("a:\nb: 1\n"), ("a",), "x")) == "a: x\nb: 1\n"


@pytest.mark.parametrize(
    ("text", "path"),
    [("a: &x\n  - 1\n  - 2\nb: *x\n", ("b",)), ("a: &x\n  - 1\n  - 2\nb: *x\n", ("a",)), ("a: [1, 2]\n", ("a",))],
    ids=["through an alias", "inside an anchor", "flow style"],
)
def test_an_item_whose_text_means_something_elsewhere_or_has_no_line_is_not_removed(
    text: str, path: tuple[str]
) -> None:
    with pytest.raises(EditError):
        remove_item(document(text), path, 0)


def test_the_anchor_of_an_alias_is_not_removed() -> None:
    text = "a: &x 1\nb: *x\nc: 2\n"
    with pytest.raises(EditError, match="anchor"):
        remove_entry(document(text), (), "a")


def test_the_only_child_is_not_removed() -> None:
    with pytest.raises(EditError, match="only child"):
        remove_item(document("a:\n  - 1\n"), ("a",), 0)


def test_two_edits_of_the_same_characters_are_a_conflict() -> None:
    doc = document("a: 1\n")
    with pytest.raises(EditConflictError, match=r"f\.yml:1:4"):
        apply_edits(doc, [replace_value(doc, ("a",), "2"), replace_value(doc, ("a",), "3")])


def test_neighbours_can_be_removed_together() -> None:
    doc = document(STEPS)
    result = apply_edits(doc, [remove_item(doc, ("steps",), 1), remove_item(doc, ("steps",), 2)]).text
    assert result == "steps:\n  # first\n  - run: one   # tail\n\nend: 1\n"


def test_no_edit_changes_no_byte() -> None:
    assert edited(STEPS) == STEPS


word = st.sampled_from(["a", "'b c'", '"d"', "|\n{pad}  x\n\n{pad}  y", ">-\n{pad}  folded", "{{k: 1}}", "[1, 2]", ""])
tail = st.sampled_from(["", "", "  # note"])
gap = st.sampled_from(["", "", "\n", "{pad}# own line\n", "\n{pad}# own line\n"])


@st.composite
def sequences(draw: st.DrawFn) -> str:
    """Files with a block sequence of mappings in all the shapes people write."""
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    pad = draw(st.sampled_from(["", "  ", "    "]))
    bom = draw(st.sampled_from(["", "\ufeff"]))
    lines = [f"{bom}on: push\nsteps:\n"]
    for n in range(draw(st.integers(2, 5))):
        lines.append(draw(gap).replace("{pad}", pad))
        value = draw(word)
        note = draw(tail) if not value.startswith(("|", ">")) else ""
        lines.append(f"{pad}- k{n}: {value.replace('{pad}', pad + '  ').replace('{{', '{').replace('}}', '}')}{note}\n")
        if draw(st.booleans()):
            lines.append(f"{pad}  more: {n}\n")
    if draw(st.booleans()):
        lines.append("last: 1\n")
    text = "".join(lines).replace("\n", ending)
    return text if draw(st.booleans()) else text.rstrip("\r\n")


@settings(max_examples=300, deadline=None)
@given(sequences(), st.data())
def test_any_removal_is_right_or_refused(text: str, data: st.DataObject) -> None:
    doc = document(text)
    steps = doc.root.get("steps")  # type: ignore[union-attr]
    index = data.draw(st.integers(0, len(steps.items) - 1))  # type: ignore[union-attr]
    try:
        after = apply_edits(doc, [remove_item(doc, ("steps",), index)])
    except EditError:
        return
    left = [value_of(item) for n, item in enumerate(steps.items) if n != index]  # type: ignore[union-attr]
    found = after.root.get("steps")  # type: ignore[union-attr]
    assert [value_of(item) for item in found.items] == left  # type: ignore[union-attr]
    assert set(after.text.splitlines()) <= set(text.splitlines())


@settings(max_examples=300, deadline=None)
@given(sequences(), st.data())
def test_any_insertion_is_right_or_refused_and_keeps_every_line(text: str, data: st.DataObject) -> None:
    doc = document(text)
    steps = doc.root.get("steps")  # type: ignore[union-attr]
    index = data.draw(st.integers(0, len(steps.items)))  # type: ignore[union-attr]
    try:
        after = apply_edits(doc, [insert_items(doc, ("steps",), index, "- new: 1\n  of: |\n    two\n    lines\n")])
    except EditError:
        return
    found = after.root.get("steps")  # type: ignore[union-attr]
    rest = [value_of(item) for n, item in enumerate(found.items) if n != index]  # type: ignore[union-attr]
    assert rest == [value_of(item) for item in steps.items]  # type: ignore[union-attr]
    new = iter(after.text.splitlines())
    assert all(any(line == other for other in new) for line in text.splitlines())


@settings(max_examples=100, deadline=None)
@given(sequences())
def test_an_independent_editor_reads_the_same_items_after_a_removal(text: str) -> None:
    doc = document(text)
    try:
        after = apply_edits(doc, [remove_item(doc, ("steps",), 0)])
    except EditError:
        return
    other = yaml_edit.Document.parse(after.text.removeprefix("\ufeff"))
    found = after.root.get("steps")  # type: ignore[union-attr]
    assert len(other.to_python()["steps"]) == len(found.items)  # type: ignore[union-attr]


HEADED = "spec: {inputs: {x: {default: 1}}}\n---\nj:\n  script:\n    - a # first\n    - b\n"


def test_a_document_after_a_header_is_edited_in_place() -> None:
    header, content = parse_documents(HEADED, file="f.yml", limit=2)
    after = apply_edits(content, [remove_item(content, ("j", "script"), 1)])
    assert after.text == HEADED.replace("    - b\n", "")
    assert value_of(after.root) != value_of(content.root)
    assert apply_edits(header, []).text == HEADED
    assert value_of(apply_edits(header, []).root) == value_of(header.root)


def test_an_edit_that_would_reach_into_another_document_is_refused() -> None:
    _, content = parse_documents(HEADED, file="f.yml", limit=2)
    with pytest.raises(EditError, match="more than it should"):
        apply_edits(content, [Edit(HEADED.index("1"), HEADED.index("1") + 1, "2", ())])
