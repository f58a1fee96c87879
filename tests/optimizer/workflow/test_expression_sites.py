from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from makespan_model.errors import WorkflowError
from makespan_optimizer.expressions.availability import ACTION, WORKFLOW, Availability, availability
from makespan_optimizer.workflow.expression_sites import expression_faults, expression_sites
from makespan_optimizer.workflow.reading import read_workflow
from makespan_optimizer.yaml.nodes import Mapping, Scalar
from makespan_optimizer.yaml.reading import parse_document
from makespan_optimizer.yaml.scalar_places import source_offset
from support.expression_texts import words
from support.github_parser import GithubParser

_CORPUS = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "workflows"
_JOB = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n"


def _faults(text: str) -> list[str]:
    return [str(fault) for fault in expression_faults(parse_document(text, file="ci.yml"))]


@pytest.mark.parametrize(
    ("step", "line", "column"),
    [
        ("      - run: echo ${{ oops }}\n", 6, 23),
        ("      - run: 'it''s ${{ oops }}'\n", 6, 25),
        ('      - run: "\\ta\\u0041\\\n          ${{ oops }}"\n', 7, 15),
        ("      - run: |\n\n          echo é\n            ${{ github.ref }} ${{ oops }}\n", 9, 35),
        ("      - run: >-\n          folded\n          text ${{\n          oops }}\n", 9, 11),
        ("      - run: &x !!str echo ${{ oops }}\n", 6, 32),
        ("      - if: |\n          github.ref\n          == oops\n        run: x\n", 8, 14),
        ("      - if: ${{ oops }}\n        run: x\n", 6, 17),
        ("      - {run: x, env: {'${{ oops }}': x}}\n", 6, 29),
        ("      - parallel:\n          - run: ${{ oops }}\n", 7, 22),
    ],
)
def test_a_fault_is_told_at_its_character_whatever_the_style(step: str, line: int, column: int) -> None:
    (fault,) = _faults(_JOB + step)
    assert fault.startswith(f"ci.yml:{line}:{column}: 'oops' is not available here (available: ")


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ("if: secrets.x == ''", "'secrets' is not available here"),
        ("runs-on: '${{ env.x }}'", "'env' is not available here"),
        ("needs: '${{ github.ref }}'", "GitHub takes no expression in 'jobs.*.needs'"),
        ("if: hashFiles('x')", "hashFiles() is not available here"),
        ("if: \"success('a', 'b') && Failure()\"", None),
        ("if: always(1)", "always() takes at most 0 arguments, not 1"),
        ("timeout-minutes: '${{ matrix.x }}'", None),
        ("environment: {url: '${{ steps.x.outputs.url }}', name: '${{ steps.x }}'}", "'steps' is not available here"),
        ("container: {image: x, credentials: {username: '${{ env.x }}', password: '${{ secrets.x }}'}}", None),
        ("strategy: {matrix: {a: ['${{ matrix.b }}']}}", "'matrix' is not available here"),
    ],
)
def test_each_key_takes_the_contexts_and_functions_github_documents(field: str, fault: str | None) -> None:
    runs_on = "" if field.startswith("runs-on") else "runs-on: x, "
    found = _faults(f"on: push\njobs:\n  a: {{{runs_on}steps: [{{run: x}}], {field}}}\n")
    assert len(found) == (fault is not None)
    assert fault is None or fault in found[0]


def test_references_know_their_place_in_the_file() -> None:
    text = _JOB + "      - run: |\n          echo ${{ github.ref }}\n        if: steps.a.outcome == 'x'\n"
    document = parse_document(text, file="ci.yml")
    found = [
        (one.path, text[start:].split()[0]) for site in expression_sites(document) for one, start in site.references()
    ]
    assert found == [(("github", "ref"), "github.ref"), (("steps", "a", "outcome"), "steps.a.outcome")]


def test_what_an_alias_stands_for_is_read_where_the_alias_is() -> None:
    text = "on: push\nenv: &e {A: '${{ github.ref }}'}\njobs: {a: {runs-on: x, env: *e, steps: [{run: x, env: *e}]}}\n"
    sites = expression_sites(parse_document(text, file="ci.yml"))
    assert [site.path for site in sites] == [
        ("env", "A"),
        ("jobs", "*", "env", "A"),
        ("jobs", "*", "steps", "env", "A"),
    ]


_texts = st.text(st.sampled_from("ab:#'\"\\ \n\té{}$"), min_size=1, max_size=40)


@given(value=_texts, style=st.sampled_from(["", "'", '"', "|", ">"]), width=st.integers(10, 60))
def test_a_character_of_a_value_is_found_in_the_file(value: str, style: str, width: int) -> None:
    text = yaml.dump({"k": {"v": value}}, default_style=style or None, width=width, allow_unicode=True, line_break="\n")
    document = parse_document(text, file="x.yml")
    root = document.root
    assert isinstance(root, Mapping)
    inner = root.entries[0].value
    assert isinstance(inner, Mapping)
    scalar = inner.entries[0].value
    assert isinstance(scalar, Scalar)
    assume(scalar.value == value)
    for offset, character in enumerate(value):
        if not character.isspace():
            found = text[source_offset(document, scalar, offset) :]
            escaped = scalar.style == '"' and character in '\\"'
            assert found.startswith(f"\\{character}" if escaped else character)


def _declared(
    definitions: dict[str, Any], kind: str, path: tuple[str, ...], above: frozenset[str]
) -> Iterator[tuple[tuple[str, ...], frozenset[str]]]:
    """Path of every scalar of GitHub's schema, with what expressions in it may use."""
    if len(path) > 8:
        return
    definition = definitions.get(kind, {})
    here = above | frozenset(definition.get("context", ()))
    for other in definition.get("one-of", ()):
        yield from _declared(definitions, other, path, here)
    if "sequence" in definition:
        yield from _declared(definitions, definition["sequence"]["item-type"], path, here)
    if "mapping" in definition:
        mapping = definition["mapping"]
        for key, value in mapping.get("properties", {}).items():
            below = path if key == "parallel" else (*path, key)
            if key != "parallel":
                yield from _declared(definitions, value if isinstance(value, str) else value["type"], below, here)
        if "loose-value-type" in mapping:
            yield from _declared(definitions, mapping["loose-value-type"], (*path, "*"), here)
    if kind in ("string", "boolean", "number", "any") or definition.keys() & {
        "string",
        "boolean",
        "number",
        "allowed-values",
    }:
        yield path, here


@pytest.mark.service
@pytest.mark.parametrize(
    ("schema", "root", "table"),
    [("workflow", "workflow-root-strict", WORKFLOW), ("action", "action-root-strict", ACTION)],
)
def test_the_table_of_contexts_is_githubs(
    github_parser: GithubParser, schema: str, root: str, table: dict[str, Availability]
) -> None:
    declared: dict[tuple[str, ...], frozenset[str]] = {}
    for path, names in _declared(github_parser.schema(schema), root, (), frozenset()):
        declared[path] = declared.get(path, frozenset()) | names
    assert len(declared) > 30
    used: set[str] = set()
    for path, names in declared.items():
        found = availability(path, table)
        own = (
            {}
            if found is None
            else {
                f"{name}({one.least},{'MAX' if one.most > 255 else one.most})" for name, one in found.functions.items()
            }
        )
        assert {*own, *(found.contexts if found else ())} == {
            name.replace("hashFiles", "hashfiles") for name in names
        }, path
        used.update(".".join(path[:length]) for length in range(1, len(path) + 1))
    assert table.keys() <= used


_FIELDS = [
    *("run-name: %s\n", "env: {A: %s}\n", "jobs.name: %s", "jobs.if: %s", "jobs.outputs: {o: %s}"),
    *("jobs.timeout-minutes: %s", "jobs.concurrency: {group: %s}", "jobs.strategy: {matrix: {a: [%s]}}"),
    *("steps.run: %s", "steps.if: %s", "steps.env: {A: %s}", "steps.shell: %s", "steps.continue-on-error: %s"),
]


@pytest.mark.service
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@example(field="steps.shell: %s", text="'bash'", form="${{ %s }}")
@example(field="jobs.if: %s", text="'always()'", form="${{ %s }}")
@given(
    field=st.sampled_from(_FIELDS),
    text=words,
    form=st.sampled_from(["${{ %s }}", "a ${{%s}} b", "${{ %s }}${{ github.ref }}", "%s"]),
)
def test_workflows_are_refused_for_their_expressions_as_github_refuses_them(
    github_parser: GithubParser, field: str, text: str, form: str
) -> None:
    assume("\u00e9" not in text or "${{" in form)
    value = "'" + (form % text).replace("'", "''") + "'"
    place, _, inner = field.rpartition(".")
    inner = inner % value
    job = ("", inner + ", ")[place == "jobs"]
    step = "run: x" if place != "steps" else inner if inner.startswith("run:") else f"run: x, {inner}"
    source = f"on: push\n{inner if not place else ''}\njobs: {{a: {{{job}runs-on: x, steps: [{{{step}}}]}}}}\n"
    theirs = github_parser.workflow_errors(source)
    # What is no expression may still be no number, boolean or name; that is not judged here.
    assume(not any("Unexpected value" in error or "was expected" in error for error in theirs))
    assert bool(_faults(source)) == bool(theirs), (source, theirs)


@pytest.mark.slow
@pytest.mark.service
@pytest.mark.skipif(not _CORPUS.is_dir(), reason="MAKESPAN_SHARED_DATA names no folder with workflows")
def test_every_file_of_the_corpus_is_judged_as_github_judges_it(github_parser: GithubParser) -> None:
    for path in sorted((_CORPUS / "github").rglob("*.y*ml")):
        text = path.read_bytes().decode("utf-8")
        theirs = github_parser.workflow_errors(text)
        try:
            faults = expression_faults(read_workflow(text, file=path.name).document)
        except WorkflowError as refusal:
            faults = (refusal,)
        # Its editor wants inputs' defaults as text and filters as mappings; GitHub runs these workflows.
        strict = [
            error for error in theirs if not any(word in error for word in ("input default", "event", "A sequence was"))
        ]
        assert bool(faults) == bool(strict), (path, faults, theirs)
