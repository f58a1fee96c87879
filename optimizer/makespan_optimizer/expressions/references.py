"""What expressions refer to: contexts by their path, and functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from makespan_optimizer.expressions.conditions import read_condition
from makespan_optimizer.expressions.grammar import ExpressionError
from makespan_optimizer.expressions.templates import OPEN, read_template
from makespan_optimizer.expressions.tree import Call, Context, Expression, Filter, Index, Literal, children, walk

ANY = "*"
"""In a path: all members, or one that is computed when the workflow runs."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One dereference, such as `needs.build.outputs.x`.

    Attributes:
        path: In lower case, `*` for all members or a computed one.
        start: Where in the expression's text it begins; `end` is after it.
    """

    path: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class References:
    """What a set of expressions refers to.

    Attributes:
        paths: The paths of all dereferences.
        functions: Names of the functions called, in lower case.
        exact: Whether every expression was understood.
    """

    paths: frozenset[tuple[str, ...]]
    functions: frozenset[str]
    exact: bool

    def members(self, context: str) -> frozenset[str]:
        """First members read from a context: job ids of `needs`, step ids of `steps`; `*` when any may be meant."""
        return frozenset(path[1] if len(path) > 1 else ANY for path in self.paths if path[0] == context)


def tree_references(tree: Expression) -> Iterator[Reference]:
    """Every dereference in a tree, those inside computed indexes too."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Context | Index | Filter):
            waiting.extend(reversed(children(node)))
            continue
        path, root, computed = _path(node)
        waiting.extend(reversed(computed))
        if isinstance(root, Context):
            yield Reference((root.name.lower(), *path), node.start, node.end)
        else:
            waiting.append(root)


def references(texts: Iterable[str], conditions: Iterable[str] = ()) -> References:
    """What texts with `${{ }}` and conditions refer to."""
    paths: set[tuple[str, ...]] = set()
    functions: set[str] = set()
    exact = True
    found = [_of_text(text) for text in texts if OPEN in text]
    found += [_of_condition(condition) for condition in conditions]
    for one in found:
        paths |= one.paths
        functions |= one.functions
        exact = exact and one.exact
    return References(frozenset(paths), frozenset(functions), exact)


@lru_cache(maxsize=8192)
def _of_text(text: str) -> References:
    trees, exact = [], True
    for embedded in read_template(text).embedded:
        try:
            trees.append(embedded.parse())
        except ExpressionError:
            exact = False
    return _of_trees(trees, exact=exact)


@lru_cache(maxsize=4096)
def _of_condition(condition: str) -> References:
    try:
        tree = read_condition(condition).expression
    except ExpressionError:
        # What can be read of it still counts.
        return References(_of_text(condition).paths, _of_text(condition).functions, exact=False)
    return _of_trees([] if tree is None else [tree], exact=True)


def _of_trees(trees: Iterable[Expression], *, exact: bool) -> References:
    paths: set[tuple[str, ...]] = set()
    functions: set[str] = set()
    for tree in trees:
        paths.update(reference.path for reference in tree_references(tree))
        functions.update(node.name.lower() for node in walk(tree) if isinstance(node, Call))
    return References(frozenset(paths), frozenset(functions), exact)


def _path(node: Expression) -> tuple[list[str], Expression, list[Expression]]:
    """Members from the root outwards, the root, and the keys that are computed."""
    members: list[str] = []
    computed: list[Expression] = []
    while isinstance(node, Index | Filter):
        if isinstance(node, Filter):
            members.append(ANY)
        elif isinstance(node.key, Literal):
            members.append(node.key.value.lower() if isinstance(node.key.value, str) else ANY)
        else:
            members.append(ANY)
            computed.append(node.key)
        node = node.target
    return members[::-1], node, computed[::-1]
