from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.fleet.report_json import from_json, to_json
from makespan_model.records import Result


@dataclass(frozen=True, slots=True)
class Leaf:
    name: str
    result: Result
    ratio: float | None


@dataclass(frozen=True, slots=True)
class Tree:
    leaves: tuple[Leaf, ...]
    pair: tuple[int, str | None]
    by_name: Mapping[str, float]
    is_whole: bool


_leaves = st.builds(Leaf, st.text(), st.sampled_from(Result), st.none() | st.floats(allow_nan=False))
_trees = st.builds(
    Tree,
    st.lists(_leaves, max_size=3).map(tuple),
    st.tuples(st.integers(), st.none() | st.text()),
    st.dictionaries(st.text(), st.floats(allow_nan=False), max_size=3),
    st.booleans(),
)


@given(_trees)
def test_what_was_written_is_read_as_it_was(tree: Tree) -> None:
    assert from_json(Tree, to_json(tree)) == tree


_GOOD = {"leaves": [], "pair": [1, None], "by_name": {}, "is_whole": True}


@pytest.mark.parametrize(
    "odd",
    [
        {"leaves": {}},
        {"leaves": [{"name": "x"}]},
        {"leaves": [{"name": "x", "result": "great", "ratio": 1}]},
        {"leaves": [{"name": "x", "result": "success", "ratio": "1"}]},
        {"pair": [1]},
        {"pair": [True, "x"]},
        {"pair": "ab"},
        {"by_name": {"x": None}},
        {"by_name": []},
        {"is_whole": 1},
        {"more": 1},
    ],
)
def test_what_does_not_fit_is_refused(odd: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(Tree, json.dumps({**_GOOD, **odd}))


def test_an_infinite_number_survives() -> None:
    assert from_json(Leaf, to_json(Leaf("x", Result.SUCCESS, inf))).ratio == inf


def test_what_is_no_plain_value_is_not_written() -> None:
    with pytest.raises(TypeError, match="set is not a plain value"):
        to_json({"x": {1, 2}})
