from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_model.errors import WorkflowError
from makespan_optimizer.gitlab.loading import MAX_BYTES, load
from makespan_optimizer.gitlab.values import Items, Reference, Table, Text, Value, plain
from support.gitlab_project import read


def data(text: str) -> object:
    return plain(load(text, file="f.yml").content)


def values(value: Value) -> list[Value]:
    below = value.items if isinstance(value, Items) else value.entries.values() if isinstance(value, Table) else ()
    return [value, *(inner for each in below for inner in values(each))]


def test_merge_keys_take_effect_where_they_stand_as_in_ruby() -> None:
    """Psych merges at the place of `<<`: what is written before it loses, what is written after it wins."""
    text = "a: &a {x: 1, y: 1}\nb:\n  x: 2\n  <<: *a\n  y: 2\n"
    assert data(text) == {"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 2}}


def test_of_several_merged_mappings_the_first_in_a_list_and_the_last_of_several_keys_win() -> None:
    text = "a: &a {x: 1}\nb: &b {x: 2}\nc: {<<: [*a, *b]}\nd:\n  <<: *a\n  <<: *b\n"
    assert data(text) == {"a": {"x": 1}, "b": {"x": 2}, "c": {"x": 1}, "d": {"x": 2}}


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("yes", "true"),
        ("Off", "false"),
        ("'yes'", "yes"),
        ("010", "8"),
        ("'010'", "010"),
        ("1_000", "1000"),
        ("0x1F", "31"),
        ("0b11", "3"),
        ("1.50", "1.5"),
        ("1:30", "5400"),
        ("12:30:15", "45015"),
        ("1e3", "1e3"),
        ("1.e+20", "1.0e+20"),
        ("yES", "true"),
        ("1.2.3", "1.2.3"),
        ("~", ""),
        ("y", "y"),
        ("-5", "-5"),
    ],
)
def test_a_variable_has_the_text_ruby_makes_of_it(written: str, read_as: str) -> None:
    (variable,) = read(f"variables: {{A: {written}}}\nj: {{script: x}}\n").variables
    assert variable.value == read_as


def test_references_survive_with_their_place() -> None:
    content = load("j:\n  script:\n    - !reference [.a, script]\n", file="f.yml").content
    (found,) = [value for value in values(content) if isinstance(value, Reference)]
    assert (found.path, found.place.line, found.place.column) == ((".a", "script"), 3, 7)


@given(st.lists(st.text("abc: é'", min_size=1), min_size=1, max_size=5))
def test_every_text_lies_where_its_place_says(words: list[str]) -> None:
    text = "k:\n" + "".join(f"  - '{word.replace(chr(39), chr(39) * 2)}'\n" for word in words)
    found = [value for value in values(load(text, file="f.yml").content) if isinstance(value, Text)]
    assert [value.written for value in found] == words
    assert [value.place.text[1:-1].replace("''", "'") for value in found] == words


def _bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    return "\n".join(lines + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)])


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        (_bomb(40), "f.yml:6:5", "with aliases expanded"),
        ("a: " + "[" * 200_000, "f.yml:1:", "nested deeper than"),
        ("a: '" + "x" * (10 * 1024 * 1024) + "'", "f.yml:1:1", "GitLab reads at most 2097152"),
        ("a:\n  b: 1\n  b: 2\n", "f.yml:3:3", "duplicate key 'b'"),
        ("a:\n\t- b\n", "f.yml:2:1", ""),
        ("a: \x00", "f.yml:1:4", "U+0000"),
        ("- a\n", "f.yml:1:1", "must be a mapping"),
        ("a: 2024-01-31\n", "f.yml:1:4", "is a date, which GitLab refuses"),
        ("", "f.yml:1:1", "empty"),
        ("# nothing\n", "f.yml:1:1", "empty"),
        ("a: 1\n---\nb: 2\n", "f.yml:3:1", "only after a header"),
        ("spec: {}\n---\na: 1\n---\nb: 2\n", "f.yml:4:1", "2 are allowed"),
        ("a: !reference x\n", "f.yml:1:4", "takes a list of keys"),
        ("a: !reference []\n", "f.yml:1:4", "takes a list of keys"),
        ("a: !reference {b: c}\n", "f.yml:1:4", "takes a list of keys"),
        ("a:\n  <<: text\n", "f.yml:2:7", "must be a mapping or a list of mappings"),
    ],
)
def test_hostile_or_broken_yaml_is_refused_with_its_place_and_at_once(text: str, place: str, what: str) -> None:
    before = time.process_time()
    with pytest.raises(WorkflowError) as caught:
        load(text, file="f.yml")
    assert str(caught.value).startswith(place)
    assert what in caught.value.what
    # A bound against exponential work, far above what any of these takes.
    assert time.process_time() - before < 5


def test_a_file_of_the_largest_size_is_read() -> None:
    text = "j:\n  script:\n    - '" + "x" * (MAX_BYTES - 100) + "'\n"
    assert len(read(text).jobs) == 1
