"""The functions of GitHub's expressions: how many arguments each takes, and which look at results."""

from __future__ import annotations

from dataclasses import dataclass

STATUS_FUNCTIONS = frozenset({"success", "failure", "always", "cancelled"})
ANY_NUMBER = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Arity:
    """How many arguments a function takes."""

    least: int
    most: int


# Names in lower case. GitHub documents them under "Evaluate expressions"; the limit of 255 is its own.
FUNCTIONS = {
    "case": Arity(3, ANY_NUMBER),
    "contains": Arity(2, 2),
    "endswith": Arity(2, 2),
    "format": Arity(1, 255),
    "fromjson": Arity(1, 1),
    "join": Arity(1, 2),
    "startswith": Arity(2, 2),
    "tojson": Arity(1, 1),
}
# Functions of some keys only, with the widest arity that any key allows.
KEYED_FUNCTIONS = {
    "always": Arity(0, 0),
    "cancelled": Arity(0, 0),
    "failure": Arity(0, ANY_NUMBER),
    "hashfiles": Arity(1, 255),
    "success": Arity(0, ANY_NUMBER),
}


def arity_fault(name: str, count: int, arity: Arity) -> str | None:
    """What is wrong with `count` arguments; None when nothing is."""
    if count < arity.least:
        return f"{name}() takes at least {arity.least} argument{'' if arity.least == 1 else 's'}, not {count}"
    if count > arity.most:
        return f"{name}() takes at most {arity.most} argument{'' if arity.most == 1 else 's'}, not {count}"
    if name.lower() == "case" and count % 2 == 0:
        return f"case() takes an odd number of arguments (conditions, values, a default), not {count}"
    return None
