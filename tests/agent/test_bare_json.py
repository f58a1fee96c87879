from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_agent import bare_json

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_VALUES)
def test_what_is_rendered_reads_as_the_same_value_with_json(value: object) -> None:
    assert json.loads(bare_json.render(value)) == value


@given(_VALUES)
def test_parsing_agrees_with_json(value: object) -> None:
    assert bare_json.parse(json.dumps(value, indent=1)) == value


@pytest.mark.parametrize("text", ["", "{", "[1,]", '{"a": 1} x', "{'a': 1}", '{"a"}', "nul", '"\\u12"'])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line 1 column"):
        bare_json.parse(text)


def test_what_is_not_json_is_refused_before_the_json_package_was_ever_imported() -> None:
    program = "from makespan_agent.bare_json import parse\ntry: parse('{')\nexcept ValueError as error: print(error)"

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert finished.stdout.startswith("Expecting property name")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_cannot_hold_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON has no"):
        bare_json.render(value)


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="a set"):
        bare_json.render({1, 2})
