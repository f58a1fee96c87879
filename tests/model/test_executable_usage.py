from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_model.executable_usage import parse_executables, render_executables
from makespan_model.records import ExecutableUsage

_COUNTS = st.none() | st.integers(min_value=0)
_EXECUTABLES = st.builds(
    ExecutableUsage, st.text(), st.floats(min_value=0, allow_nan=False, allow_infinity=False), _COUNTS, _COUNTS
)


@given(st.lists(_EXECUTABLES).map(tuple))
def test_a_breakdown_comes_back_as_it_was_written(executables: tuple[ExecutableUsage, ...]) -> None:
    assert parse_executables(render_executables(executables)) == executables


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("{}", "an array of objects is needed, not '{}'"),
        ("[1]", "an object is needed, not 1"),
        ('[{"cpu_s": 1}]', "`name` must be a string"),
        ('[{"name": "cc", "cpu_s": -1}]', "`cpu_s` must be a number of 0 or more"),
        ('[{"name": "cc", "cpu_s": NaN}]', "`cpu_s` must be a number of 0 or more"),
        ('[{"name": "cc", "cpu_s": 1, "processes": 1.5}]', "`processes` must be an integer of 0 or more"),
    ],
)
def test_a_text_that_is_no_breakdown_is_refused_with_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_executables(text)
