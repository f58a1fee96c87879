"""Includes, `extends` and `!reference`: how a configuration is put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_model.errors import WorkflowError
from makespan_optimizer.gitlab.extends import MAX_STEPS
from makespan_optimizer.gitlab.inclusion import MAX_INCLUDES
from makespan_optimizer.gitlab.loading import load
from makespan_optimizer.gitlab.reading import read_pipeline
from makespan_optimizer.gitlab.values import deep_merged, plain
from makespan_optimizer.gitlab.variables import values_of
from makespan_optimizer.repository import Repository
from support.gitlab_project import CI_FILE, job, read, script


def refusal(text: str, files: dict[str, str] | None = None) -> str:
    with pytest.raises(WorkflowError) as caught:
        read(text, {} if files is None else files)
    return str(caught.value)


def test_mappings_merge_and_lists_are_replaced_by_what_extends_them() -> None:
    pipeline = read(
        ".a:\n  script: [one]\n  variables: {X: a, Y: a}\n  tags: [t, u]\n"
        ".b:\n  variables: {Y: b}\n  tags: [v]\n"
        "j:\n  extends: [.a, .b]\n  variables: {Z: j}\n"
    )
    found = job(pipeline, "j")
    assert values_of(found.variables) == {"X": "a", "Y": "b", "Z": "j"}
    assert (found.tags, found.extends) == (("v",), (".a", ".b"))


def test_what_is_merged_keeps_the_place_of_the_file_it_was_written_in() -> None:
    pipeline = read(
        "include: ci/base.yml\nj:\n  extends: .base\n", {"ci/base.yml": "# first\n.base:\n  script:\n    - make\n"}
    )
    (command,) = job(pipeline, "j").script
    assert str(command.place) == "ci/base.yml:4:7"
    assert str(job(pipeline, "j").key) == ".gitlab-ci.yml:2:1"


def test_a_job_written_in_several_files_lies_where_it_was_written_last() -> None:
    text = "include: a.yml\nk: {script: k}\nj:\n  tags: [x]\n"
    found = job(read(text, {"a.yml": "# one\n# two\n# three\nj:\n  script: a\n"}), "j")
    assert (str(found.key), found.place.text) == (".gitlab-ci.yml:3:1", "j:\n  tags: [x]")


def test_every_key_of_a_job_has_a_place_in_the_file_that_wrote_it() -> None:
    text = "include: a.yml\ndefault:\n  tags: [t]\nj:\n  extends: .b\n  stage: test\n"
    found = job(read(text, {"a.yml": ".b:\n  script: a\n"}), "j")
    places = [str(found.place_of(key)) for key in ("script", "stage", "tags", "image")]
    assert places == ["a.yml:2:3", ".gitlab-ci.yml:6:3", ".gitlab-ci.yml:3:3", "None"]


def test_a_job_behind_an_alias_lies_at_its_key() -> None:
    found = job(read(".a: &a {script: x}\nj: *a\n"), "j")
    assert (str(found.place), found.place.text) == (".gitlab-ci.yml:2:1", "j")


def _chain(steps: int) -> str:
    links = "".join(f".j{n}: {{extends: .j{n + 1}}}\n" for n in range(1, steps))
    return f"j: {{extends: .j1}}\n{links}.j{steps}: {{script: x}}\n"


def test_extends_goes_over_eleven_steps_and_not_twelve() -> None:
    assert script(read(_chain(MAX_STEPS)), "j") == ["x"]
    assert "more than 11 steps" in refusal(_chain(MAX_STEPS + 1))


def test_a_long_chain_of_extends_is_refused_wherever_it_starts() -> None:
    assert "more than 11 steps" in refusal("\n".join(reversed(_chain(500).splitlines())))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n  extends: b\nb:\n  extends: a\n", ".gitlab-ci.yml:2:12: 'extends' of 'a' goes in a circle: a -> b -> a"),
        ("a:\n  extends: a\n", "'extends' of 'a' goes in a circle: a -> a"),
        ("a:\n  extends: nobody\n", ".gitlab-ci.yml:2:12: 'a' extends 'nobody', which does not exist"),
        ("a:\n  extends: [stages]\nstages: [x]\n", ".gitlab-ci.yml:2:13: 'a' extends 'stages', which is not a mapping"),
        ("a:\n  extends: {b: c}\n", "takes the name of a job or a list of names"),
    ],
)
def test_extends_that_leads_nowhere_is_refused(text: str, message: str) -> None:
    assert message in refusal(text)


def test_references_are_resolved_after_extends_and_within_references() -> None:
    pipeline = read(
        ".a: {script: [a]}\n.b: {extends: .a}\n.c:\n  script:\n    - !reference [.b, script]\n    - c\n"
        "j:\n  script:\n    - !reference [.c, script]\n    - j\n  variables: !reference [.v, variables]\n"
        ".v: {variables: {X: '1'}}\n"
    )
    assert script(pipeline, "j") == ["a", "c", "j"]
    assert values_of(job(pipeline, "j").variables) == {"X": "1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "j:\n  script:\n    - !reference [j, script]\n",
            ":3:7: !reference [j, script] is part of a circle",
        ),
        (
            "j:\n  script: !reference [.a, script]\n.a: {x: 1}\n",
            ":2:11: !reference [.a, script] could not",
        ),
        ("j:\n  script: !reference [.a, x, y]\n.a: {x: [1]}\n", "'y' is looked for in no mapping"),
        ("j:\n  script: !reference [.a, x]\n.a: {x: }\n", "names an empty value"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(text: str, message: str) -> None:
    assert message in refusal(text)


def test_references_that_double_at_every_level_are_refused_before_they_cost_anything() -> None:
    levels = "".join(
        f".r{n}:\n  s:\n    - !reference [.r{n + 1}, s]\n    - !reference [.r{n + 1}, s]\n" for n in range(60)
    )
    assert "references bring more than" in refusal(f"j:\n  script: !reference [.r0, s]\n{levels}.r60: {{s: [x]}}\n")


def test_a_configuration_that_extends_multiplies_past_all_measure_is_refused() -> None:
    base = ".b:\n  script: [" + ", ".join("x" * 10_000) + "]\n"
    assert "values once everything is merged" in refusal(base + "".join(f"j{n}: {{extends: .b}}\n" for n in range(200)))


def test_includes_are_merged_in_order_below_the_file_itself() -> None:
    files = {
        "a.yml": "variables: {X: a, Y: a, Z: a}\nj: {script: a, tags: [a]}\n",
        "b.yml": "include: /nested/c.yml\nvariables: {Y: b}\n",
        "nested/c.yml": "variables: {X: c, Y: c}\nj: {tags: [c]}\n",
    }
    pipeline = read("include: [a.yml, {local: b.yml}]\nvariables: {Z: own}\n", files)
    assert values_of(pipeline.variables) == {"X": "c", "Y": "b", "Z": "own"}
    assert (script(pipeline, "j"), job(pipeline, "j").tags) == (["a"], ("c",))
    assert list(pipeline.documents) == [".gitlab-ci.yml", "a.yml", "b.yml", "nested/c.yml"]


def test_a_pattern_includes_the_files_it_finds_but_none_twice() -> None:
    files = {
        "ci/a.yml": "a: {script: a}\n",
        "ci/deep/b.yml": "b: {script: b}\n",
        "ci/c.txt": "c: {script: c}\n",
    }
    flat = read("include: 'ci/*.yml'\n", files)
    deep = read("include: [ci/a.yml, 'ci/**.yml']\n", files)
    assert [each.name for each in flat.jobs] == ["a"]
    assert [(inclusion.files) for inclusion in deep.inclusions] == [("ci/a.yml",), ("ci/deep/b.yml",)]


@pytest.mark.parametrize(
    ("text", "files", "message"),
    [
        ("include: no.yml\n", {}, ".gitlab-ci.yml:1:10: the included file 'no.yml' does not exist"),
        ("include: a.txt\n", {"a.txt": ""}, "has no YAML extension"),
        ("include: a.yml\n", {"a.yml": "include: a.yml\n"}, "a.yml:1:10: 'a.yml' includes itself"),
        ("include: a.yml\n", {"a.yml": "include: b.yml\n", "b.yml": "include: a.yml\n"}, "includes itself"),
        ("include: a.yml\n", {"a.yml": "x: [\n"}, "a.yml:2:1: "),
        ("include: {local: a.yml, remote: b}\n", {"a.yml": ""}, "must have exactly one of local"),
        ("include: {file: a.yml}\n", {"a.yml": ""}, "must have exactly one of local"),
        ("include: [[a.yml]]\n", {"a.yml": ""}, "must be a path or a mapping"),
    ],
)
def test_an_include_that_cannot_be_followed_is_refused(text: str, files: dict[str, str], message: str) -> None:
    assert message in refusal(text, files)


def test_more_includes_than_gitlab_allows_are_refused() -> None:
    files = {f"{n}.yml": f"j{n}: {{script: x}}\n" for n in range(MAX_INCLUDES + 1)}
    text = "include: [" + ", ".join(f"{n}.yml" for n in range(MAX_INCLUDES)) + "]\n"
    assert len(read(text, files).jobs) == MAX_INCLUDES
    assert "more than 150 files" in refusal(text.replace("]", ", 150.yml]"), files)


def test_what_lies_outside_is_named_and_what_depends_on_it_is_unknown() -> None:
    pipeline = read(
        "include:\n  - project: g/p\n    file: [a.yml, b.yml]\n  - remote: https://example.com/x.yml\n"
        "  - template: Auto-DevOps.gitlab-ci.yml\n  - component: example.com/c@1\n"
        "j:\n  extends: .theirs\n  needs: [theirs]\nk:\n  script: [!reference [.theirs, script], own]\n",
        {},
    )
    assert [str(inclusion.include) for inclusion in pipeline.inclusions] == [
        "project g/p a.yml b.yml",
        "remote https://example.com/x.yml",
        "template Auto-DevOps.gitlab-ci.yml",
        "component example.com/c@1",
    ]
    assert {inclusion.status for inclusion in pipeline.inclusions} == {"unread"}
    assert not pipeline.is_complete
    assert (job(pipeline, "j").missing_bases, job(pipeline, "j").stage) == ((".theirs",), None)
    assert script(pipeline, "k") == [None, "own"]


def test_the_repository_is_listed_only_where_somebody_asks() -> None:
    def paths() -> tuple[str, ...]:
        raise AssertionError("listed")

    files = {"a.yml": "j: {script: a}\n"}
    around = Repository(files.get, paths)
    text = "include: {local: a.yml, rules: [{if: $X}]}\n"
    assert len(read_pipeline(text, file=CI_FILE, repository=around).jobs) == 1


def test_rules_of_an_include_are_decided_where_the_variables_are_known() -> None:
    files = {"a.yml": "a: {script: a}\n", "b.yml": "b: {script: b}\n", "Dockerfile": ""}
    text = (
        "include:\n  - local: a.yml\n    rules: [{exists: [Dockerfile]}]\n"
        "  - local: b.yml\n    rules: [{exists: [Makefile]}]\n"
        "  - local: b.yml\n    rules: [{if: $WHO_KNOWS}]\n"
    )
    pipeline = read(text, files)
    assert [(inclusion.status, inclusion.certain) for inclusion in pipeline.inclusions] == [
        ("read", True),
        ("skipped", True),
        ("read", False),
    ]


def test_inputs_of_an_included_file_are_filled_in_with_their_types() -> None:
    files = {
        "t.yml": "spec:\n  inputs:\n    name: {default: x}\n    tags: {type: array}\n"
        "    n: {type: number, default: 3}\n"
        "---\n'$[[ inputs.name ]]-job':\n  script: echo $[[ inputs.name | truncate(0,2) ]]-$[[inputs.n]]\n"
        "  tags: $[[ inputs.tags ]]\n  parallel: $[[ inputs.n ]]\n"
    }
    pipeline = read("include:\n  - local: t.yml\n    inputs: {name: abc, tags: [a, b]}\n", files)
    found = job(pipeline, "abc-job")
    assert (script(pipeline, "abc-job"), found.tags) == (["echo ab-3"], ("a", "b"))
    assert len(pipeline.instances) == 3


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("{}", "needs the input 'name'"),
        ("{name: a, nmae: b}", "declares no input 'nmae' (did you mean 'name'?)"),
        ("{name: c}", "must be one of a, b"),
        ("{name: [a]}", "must be a string"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs: str, message: str) -> None:
    files = {"t.yml": "spec:\n  inputs:\n    name: {options: [a, b]}\n---\nj: {script: x}\n"}
    assert message in refusal(f"include:\n  - local: t.yml\n    inputs: {inputs}\n", files)


_TREES = st.recursive(
    st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
_TABLES = st.dictionaries(st.sampled_from("abc"), _TREES, min_size=1, max_size=3)


def _plainly_merged(base: object, over: object) -> object:
    """What Active Support documents of deep_merge, on plain data."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {**base, **{key: _plainly_merged(base.get(key), value) for key, value in over.items()}}


@given(_TABLES, _TABLES)
def test_merging_equals_its_definition_and_keeps_the_order_of_keys(a: object, b: object) -> None:
    base, over = (load(repr(each), file="f.yml").content for each in (a, b))
    merged = deep_merged(base, over)
    assert plain(merged) == _plainly_merged(a, b)
    assert list(merged.entries)[: len(base.entries)] == list(base.entries)
    assert merged.keys.keys() == merged.entries.keys()
