from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from makespan_optimizer.expressions.evaluation import evaluate
from makespan_optimizer.expressions.grammar import parse_expression
from makespan_optimizer.expressions.values import UNKNOWN
from makespan_optimizer.workflow.matrix import Matrix
from makespan_optimizer.workflow.model import Job
from support.measured_workflows import workflow


def _job(strategy: str, runs_on: str = "x") -> Job:
    return workflow(
        f"on: push\njobs:\n  a:\n    runs-on: {runs_on}\n    strategy: {strategy}\n    steps: [{{run: x}}]\n"
    ).jobs[0]


def _legs(matrix: str) -> list[tuple[dict[str, Any], str]] | None:
    read = _job(f"{{matrix: {matrix}}}").matrix
    assert isinstance(read, Matrix)
    legs = read.legs()
    return None if legs is None else [(dict(leg.values), leg.label) for leg in legs]


def test_the_first_variable_varies_slowest() -> None:
    assert _legs("{os: [linux, mac], py: [3.10, '3.10']}") == [
        ({"os": "linux", "py": 3.1}, "linux, 3.1"),
        ({"os": "linux", "py": "3.10"}, "linux, 3.10"),
        ({"os": "mac", "py": 3.1}, "mac, 3.1"),
        ({"os": "mac", "py": "3.10"}, "mac, 3.10"),
    ]


def test_the_example_of_githubs_documentation_gives_its_six_legs() -> None:
    # "Workflow syntax", jobs.<job_id>.strategy.matrix.include.
    include = "[{color: green}, {color: pink, animal: cat}, {fruit: apple, shape: circle}, {fruit: banana}"
    found = _legs("{fruit: [apple, pear], animal: [cat, dog], include: " + include + ", {fruit: banana, animal: cat}]}")
    assert found is not None
    assert [values for values, _ in found] == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]
    assert [label for _, label in found] == [
        "apple, cat",
        "apple, dog",
        "pear, cat",
        "pear, dog",
        "banana",
        "banana, cat",
    ]


def test_a_matrix_of_include_alone_has_its_items_as_legs() -> None:
    assert _legs("{include: [{a: 1}, {a: 1, b: {c: [x, null, true]}}]}") == [
        ({"a": 1.0}, "1"),
        ({"a": 1.0, "b": {"c": ["x", None, True]}}, "1, x, true"),
    ]


@pytest.mark.parametrize(
    ("matrix", "left"),
    [
        ("{os: [linux, mac], v: [1, 2], exclude: [{os: linux}]}", [("mac", 1.0), ("mac", 2.0)]),
        # Compared with the `==` of expressions: without case, and a text that is a number equals the number.
        ("{OS: [linux, mac], v: [1, 2], exclude: [{os: Linux, v: '2'}, {v: 1}]}", [("mac", 2.0)]),
        ("{os: [{n: linux, x: 1}, mac], v: [1], exclude: [{os: {n: linux}}]}", [("mac", 1.0)]),
        ("{os: [[a, b], mac], v: [1], exclude: [{os: [a]}]}", [("mac", 1.0)]),
        ("{os: [linux], v: [1], exclude: [{os: linux}], include: [{os: linux, v: 1, w: 2}]}", [("linux", 1.0, 2.0)]),
    ],
)
def test_exclude_takes_away_what_equals_it_in_all_it_names(matrix: str, left: list[tuple[object, ...]]) -> None:
    found = _legs(matrix)
    assert found is not None
    assert [tuple(values.values()) for values, _ in found] == left


@pytest.mark.parametrize(
    "matrix",
    [
        "{os: '${{ fromJSON(needs.a.outputs.m) }}'}",
        "{os: [linux, '${{ inputs.os }}']}",
        "{os: [linux], include: '${{ fromJSON(vars.x) }}'}",
        "{os: [linux], exclude: [{os: '${{ inputs.os }}'}]}",
        "{os: [linux], '${{ insert }}': [x]}",
        "{os: [linux], exclude: [{no: x}]}",
        "{os: []}",
    ],
)
def test_legs_that_only_a_run_decides_or_that_github_refuses_are_not_guessed(matrix: str) -> None:
    assert _legs(matrix) is None


def test_what_a_constant_expression_yields_is_known() -> None:
    assert _legs("{os: \"${{ fromJSON('[1, true]') }}\"}") == [({"os": 1.0}, "1"), ({"os": True}, "true")]
    whole = _job('{matrix: "${{ fromJSON(\'{\\"a\\": [1], \\"include\\": [{\\"b\\": 2}]}\') }}"}').matrix
    assert isinstance(whole, Matrix)
    assert [leg.values for leg in whole.legs() or ()] == [{"a": 1.0, "b": 2.0}]


def test_a_matrix_or_strategy_of_one_expression_is_unknown_and_there() -> None:
    job = _job("{matrix: '${{ fromJSON(needs.a.outputs.m) }}'}")
    assert (job.matrix, job.has_matrix) == (UNKNOWN, True)
    job = _job("'${{ fromJSON(inputs.strategy) }}'")
    assert job.strategy is not None
    assert (job.matrix, job.has_matrix, job.strategy.fail_fast) == (UNKNOWN, True, UNKNOWN)


def test_a_hostile_matrix_is_not_expanded() -> None:
    many = "[" + ", ".join(map(str, range(60))) + "]"
    assert _legs(f"{{a: {many}, b: {many}, c: {many}}}") is None


def test_strategy_flags_have_their_defaults_and_constants() -> None:
    plain = _job("{matrix: {a: [1]}}").strategy
    given_ = _job("{fail-fast: '${{ false }}', max-parallel: 2, matrix: {a: [1]}, odd: x}").strategy
    open_ = _job("{fail-fast: '${{ inputs.x }}', max-parallel: '${{ inputs.y }}'}").strategy
    assert plain is not None
    assert given_ is not None
    assert open_ is not None
    assert (plain.fail_fast, plain.max_parallel) == (True, None)
    assert (given_.fail_fast, given_.max_parallel, [key.name for key in given_.others]) == (False, 2, ["odd"])
    assert (open_.fail_fast, open_.max_parallel, open_.matrix) == (UNKNOWN, UNKNOWN, None)


def test_the_name_of_a_check_is_cut_as_github_cuts_it() -> None:
    matrix = _job(f"{{matrix: {{a: [{'x' * 120}]}}}}").matrix
    assert isinstance(matrix, Matrix)
    (leg,) = matrix.legs() or ()
    assert leg.job_name("test") == f"test ({'x' * 91}..."


def test_labels_of_the_runner_follow_the_leg() -> None:
    job = _job("{matrix: {os: [linux, mac]}}", "['${{ matrix.os }}', \"${{ matrix.os == 'mac' && 'arm' || 'x64' }}\"]")
    assert isinstance(job.matrix, Matrix)
    assert job.runner is not None
    assert [job.runner.labels_for(leg.values) for leg in job.matrix.legs() or ()] == [("linux", "x64"), ("mac", "arm")]
    assert job.runner.labels_for() is UNKNOWN


_scalars = st.sampled_from(["a", "A", "b", "1", "", "true", 1, 2.5, True, None])
_values = st.one_of(
    _scalars, st.dictionaries(st.sampled_from("xy"), _scalars, max_size=2), st.lists(_scalars, max_size=2)
)
_vectors = st.dictionaries(st.sampled_from(["p", "q", "r"]), st.lists(_values, min_size=1, max_size=3), max_size=3)
_items = st.lists(st.dictionaries(st.sampled_from(["p", "q", "r", "s"]), _values, min_size=1, max_size=3), max_size=4)


@given(vectors=_vectors, include=_items, exclude=_items)
@example(vectors={"p": ["a", "b"]}, include=[{"p": "A", "s": 1}, {"s": 2}, {"p": "c"}], exclude=[])
def test_legs_are_those_of_the_rules_written_as_expressions(
    vectors: dict[str, list[Any]], include: list[dict[str, Any]], exclude: list[dict[str, Any]]
) -> None:
    exclude = [one for one in exclude if one.keys() <= vectors.keys()]
    if not vectors and not include:
        return
    found = _legs(json.dumps({**vectors, "include": include, "exclude": exclude}))
    assert found is not None
    assert [values for values, _ in found] == _reference(vectors, include, exclude)


def _reference(
    vectors: dict[str, list[Any]], include: list[dict[str, Any]], exclude: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The runner's own way: each leaf of a filter becomes an expression over the `matrix` context."""
    legs, used = [], set()
    for values in product(*vectors.values()) if vectors else ():
        combination = dict(zip(vectors, values, strict=True))
        if any(_holds(one, combination) for one in exclude):
            continue
        extra = {}
        for index, one in enumerate(include):
            if _holds({key: value for key, value in one.items() if key in vectors}, combination):
                used.add(index)
                extra.update({key: value for key, value in one.items() if key not in vectors})
        legs.append({**combination, **extra})
    return legs + [one for index, one in enumerate(include) if index not in used]


def _holds(wanted: Any, combination: dict[str, Any]) -> bool:
    document = json.loads(json.dumps(combination), parse_int=float)
    return all(
        evaluate(parse_expression(f"matrix{path} == {literal}"), {"matrix": document}) is True
        for path, literal in _leaves(wanted, "")
    )


def _leaves(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves(inner, f"{path}['{key}']")]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in _leaves(inner, f"{path}[{index}]")]
    return [(path, f"'{value}'" if isinstance(value, str) else json.dumps(value))]
