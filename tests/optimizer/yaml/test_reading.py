from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_model.errors import WorkflowError
from makespan_optimizer.yaml.nodes import Alias, Mapping, Scalar, Sequence, merged_entries, walk
from makespan_optimizer.yaml.reading import MAX_DEPTH, parse_document, parse_documents


def root(text: str) -> Mapping:
    node = parse_document(text, file="f.yml").root
    assert isinstance(node, Mapping)
    return node


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: [x, 'y']\n",
        "a: 1\r\nb: [x, 'y']\r\n",
        "\ufeffa: 1\nb: [x, 'y']\n",
        "# \u2028: \x85 a break in YAML 1.1\na: 1\nb: [x, 'y']",
        "a: 1 # ü\nb: [x, 'y']\n",
    ],
)
def test_every_scalar_lies_where_its_place_says(text: str) -> None:
    scalars = [node for node in walk(root(text)) if isinstance(node, Scalar)]
    assert [text[node.start : node.end] for node in scalars] == ["a", "1", "b", "x", "'y'"]


def test_on_stays_a_word_and_numbers_stay_text() -> None:
    document = root("on: push\nversion: 3.10\nmode: 0644\n")
    assert [entry.key.value for entry in document.entries] == ["on", "version", "mode"]
    assert [entry.value.value for entry in document.entries if isinstance(entry.value, Scalar)] == [
        "push",
        "3.10",
        "0644",
    ]


def test_a_block_scalar_ends_with_its_last_line_and_not_with_the_blank_lines_after_it() -> None:
    text = "a: |\n  one\n  two\n\n\n# comment\nb: 1\n"
    value = root(text).get("a")
    assert value is not None
    assert text[value.start : value.end] == "|\n  one\n  two"


def test_a_keeping_block_scalar_owns_its_blank_lines() -> None:
    text = "a: |+\n  one\n\nb: 1\n"
    value = root(text).get("a")
    assert isinstance(value, Scalar)
    assert value.value == "one\n\n"
    assert text[value.end :] == "b: 1\n"


def test_an_alias_keeps_its_own_place() -> None:
    text = "a: &x {k: v}\nb: *x\n"
    value = root(text).get("b")
    assert isinstance(value, Alias)
    assert text[value.start : value.end] == "*x"
    assert isinstance(value.target, Mapping)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yml:3:1: duplicate key 'a' (first on line 1)"),
        ("a: *nobody\n", "f.yml:1:4: alias *nobody has no anchor before it"),
        ("a: &x [*x]\n", "f.yml:1:8: alias *x refers to a node that contains it"),
        ("? [a]\n: b\n", "f.yml:1:3: a key must be a scalar, not a collection"),
        ("a: b: c\n", "f.yml:1:5: mapping values are not allowed in this context"),
        ("a:\n\t- b\n", "f.yml:2:1: "),
        ("é: \x00", "f.yml:1:4: control characters are not allowed (character U+0000)"),
        ("a: 1\n---\nb: 2\n", "f.yml:2:1: a second YAML document"),
        ("a: [1\n", "f.yml:2:1: "),
    ],
)
def test_a_broken_document_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        parse_document(text, file="f.yml")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused_at_the_limit(opening: str) -> None:
    with pytest.raises(WorkflowError, match=f"nested deeper than {MAX_DEPTH} levels"):
        parse_document(opening * 20_000, file="f.yml")


def test_an_alias_bomb_is_read_without_being_expanded() -> None:
    lines = ["a0: &a0 x"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    document = root("\n".join(lines))
    assert sum(1 for _ in walk(document)) < 1000


@given(
    st.lists(st.text("ab\u00e9\u4e2d ", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5, unique=True)
)
def test_place_counts_characters_not_bytes(words: list[str]) -> None:
    document = parse_document("".join(f"- '{word}'\n" for word in words), file="f.yml")
    assert isinstance(document.root, Sequence)
    assert [document.place(item.start) for item in document.root.items] == [(n + 1, 3) for n in range(len(words))]


def test_several_documents_have_their_places_in_the_one_file() -> None:
    text = "a: 1\n---\nb: &x 2\n"
    first, second = parse_documents(text, file="f.yml", limit=2)
    assert isinstance(first.root, Mapping)
    assert isinstance(second.root, Mapping)
    value = second.root.get("b")
    assert value is not None
    assert (second.place(value.start), text[value.start : value.end]) == ((3, 4), "&x 2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n---\nb: 2\n---\nc: 3\n", "f.yml:4:1: a further YAML document starts here; 2 are allowed"),
        ("a: &x 1\n---\nb: *x\n", "f.yml:3:4: alias *x has no anchor before it"),
    ],
)
def test_documents_past_the_limit_and_aliases_into_another_document_are_refused(text: str, message: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        parse_documents(text, file="f.yml", limit=2)
    assert str(caught.value) == message


def test_several_merge_keys_in_one_mapping_are_all_merged() -> None:
    value = root("a: &a {x: 1}\nb: &b {y: 2, x: 3}\nc:\n  <<: *a\n  <<: *b\n  z: 4\n").get("c")
    assert isinstance(value, Mapping)
    merged = {entry.key.value: entry.value for entry in merged_entries(value)}
    assert {key: node.value for key, node in merged.items() if isinstance(node, Scalar)} == {
        "x": "1",
        "y": "2",
        "z": "4",
    }
    with pytest.raises(WorkflowError, match="duplicate key '<<'"):
        root("a:\n  '<<': 1\n  '<<': 2\n")
