"""Expressions made up by Hypothesis: well-formed ones, and words in any order."""

from __future__ import annotations

from hypothesis import strategies as st

_LITERALS = [
    "null",
    "true",
    "false",
    "NaN",
    "Infinity",
    "0",
    "-0",
    "1",
    "+7",
    "2.5",
    ".5",
    "5.",
    "1e3",
    "-1.5E-2",
    "0xFf",
]
_STRINGS = [
    "''",
    "'a'",
    "'A'",
    "'it''s'",
    "'1'",
    "' 12 '",
    "'0x1F'",
    "'true'",
    "'x{0}y'",
    "'{{}} {1}{0}'",
    "'[1, \"b\", 3.5]'",
]
_OBJECTS = [
    "fromJSON('[1, \"b\", [2]]')",
    'fromJSON(\'{"a": 1, "B": {"c": "d"}}\')',
    'fromJSON(\'[{"a": 1}, {"A": 2}, 3]\')',
]
_NAMES = ["a", "B", "true", "c-d", "_x", "length"]
_CALLS = [("contains", 2), ("startsWith", 2), ("ENDSWITH", 2), ("format", 3), ("join", 2), ("toJSON", 1), ("case", 3)]
_OPERATORS = [*"()[],.*!=&|<>'{$", "&&", "||", "==", "!=", "<=", ">="]
_NUMBERS = ["5x", "1.2.3", "0x", "0b1", "0o17", "0X1f", "+Infinity", "-NaN", "--1", "1_0"]
_OTHERS = ["x", "github", "needs", "a-", "é", "NULL", "True", "always()", "hashFiles('x')"]

constants = st.deferred(lambda: _CONSTANTS)
"""Well-formed expressions without contexts."""


def _call(name: str, count: int) -> st.SearchStrategy[str]:
    return st.lists(constants, min_size=count, max_size=count).map(lambda given: f"{name}({', '.join(given)})")


def _binary(operators: list[str]) -> st.SearchStrategy[str]:
    return st.tuples(constants, st.sampled_from(operators), constants).map(lambda parts: f"({' '.join(parts)})")


_members = st.one_of(
    st.sampled_from(_NAMES).map(lambda name: f".{name}"),
    st.just(".*"),
    st.just("[*]"),
    constants.map(lambda key: f"[{key}]"),
)
_CONSTANTS: st.SearchStrategy[str] = st.one_of(
    st.sampled_from(_LITERALS + _STRINGS),
    st.sampled_from(_OBJECTS),
    constants.map(lambda inner: f"!{inner}"),
    _binary(["==", "!=", "<", "<=", ">", ">="]),
    _binary(["&&", "||"]),
    st.tuples(st.sampled_from(_OBJECTS), st.lists(_members, max_size=3).map("".join)).map("".join),
    *(_call(name, count) for name, count in _CALLS),
)

words = st.lists(
    st.sampled_from(_OPERATORS + _NUMBERS + _OTHERS + _LITERALS + _STRINGS + _NAMES), min_size=1, max_size=9
).flatmap(lambda found: st.sampled_from(["", " "]).map(lambda between: between.join(found)))
"""Words of expressions in any order, most of them no expression."""

nested = st.tuples(
    st.sampled_from(
        [
            ("(", "1", ")"),
            ("!", "true", ""),
            ("github[", "'a'", "]"),
            ("format(", "'a'", ")"),
            ("", "github", ".a"),
            ("true || (", "1", ")"),
            ("", "1", " == 1"),
        ]
    ),
    st.integers(20, 60),
).map(lambda given: given[0][0] * given[1] + given[0][1] + given[0][2] * given[1])
"""One construct inside itself, on both sides of the limit of depth."""
