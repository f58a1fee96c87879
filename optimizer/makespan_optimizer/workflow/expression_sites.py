"""Every place of a workflow or an action where GitHub reads an expression, and what it would refuse of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from makespan_model.errors import WorkflowError
from makespan_optimizer.expressions.availability import WORKFLOW, Availability, availability
from makespan_optimizer.expressions.conditions import read_condition
from makespan_optimizer.expressions.grammar import ExpressionError
from makespan_optimizer.expressions.references import Reference, tree_references
from makespan_optimizer.expressions.templates import OPEN, read_template
from makespan_optimizer.expressions.tree import Expression
from makespan_optimizer.yaml.nodes import Alias, AnyNode, Document, Scalar, Sequence
from makespan_optimizer.yaml.scalar_places import source_offset

# Keys below which the author chooses the names.
_NAMED = (
    "jobs",
    "jobs.*.secrets",
    "jobs.*.services",
    "on.workflow_call.inputs",
    "on.workflow_call.outputs",
    "on.workflow_dispatch.inputs",
    "inputs",
    "outputs",
)
# An alias bomb has more; a workflow has not.
_MAX_SITES = 100_000


@dataclass(frozen=True, slots=True)
class ExpressionSite:
    """A scalar with an expression in it, or a condition.

    Attributes:
        path: Keys from the root, `*` for a name that the author chose.
        available: What the key may use; None where GitHub takes no expression.
        is_condition: Whether the whole text is an expression, with or without braces.
    """

    document: Document = field(repr=False)
    scalar: Scalar
    path: tuple[str, ...]
    available: Availability | None
    is_condition: bool

    def trees(self) -> tuple[tuple[Expression, int], ...]:
        """Each expression, and where in the scalar's value its places count from.

        Raises:
            WorkflowError: The first that GitHub would refuse, at its place.
        """
        try:
            return tuple(self._trees())
        except ExpressionError as error:
            place = source_offset(self.document, self.scalar, error.offset)
            raise self.document.error(f"{error.what} in '{'.'.join(self.path)}'", place) from None

    def references(self) -> tuple[tuple[Reference, int], ...]:
        """What it refers to, with the offset of each in the file.

        Raises:
            WorkflowError: An expression that GitHub would refuse.
        """
        return tuple(
            (reference, source_offset(self.document, self.scalar, start + reference.start))
            for tree, start in self.trees()
            for reference in tree_references(tree)
        )

    def _trees(self) -> Iterator[tuple[Expression, int]]:
        value = self.scalar.value
        if self.is_condition:
            condition = read_condition(value, self.available)
            if condition.is_text:
                yield from ((one.parse(self.available), one.inside_start) for one in read_template(value).embedded)
            elif condition.expression is not None:
                yield condition.expression, condition.start
            return
        template = read_template(value)
        for one in template.embedded:
            if self.available is None and template.literal is None:
                raise ExpressionError("GitHub takes no expression", one.start)
            if not self._is_insertion(one.inside):
                yield one.parse(self.available), one.inside_start

    def _is_insertion(self, inside: str | None) -> bool:
        """`${{ insert }}` as a key puts the entries of a mapping in its place."""
        return inside == "insert" and self.path[-1:] == ("${{}}",)


def expression_sites(document: Document, table: Mapping[str, Availability] = WORKFLOW) -> Iterator[ExpressionSite]:
    """All sites of a document in order; what an alias stands for is a site wherever the alias is.

    Args:
        document: A workflow, or an action's file with its own `table`.
        table: Which keys may use what.
    """
    if document.root is not None:
        yield from _Walk(document, table).below(document.root, ())


def expression_faults(document: Document, table: Mapping[str, Availability] = WORKFLOW) -> tuple[WorkflowError, ...]:
    """What GitHub would refuse in the expressions of a document: the first fault of each site, with its place."""
    faults = []
    for site in expression_sites(document, table):
        try:
            site.trees()
        except WorkflowError as fault:
            faults.append(fault)
    return tuple(faults)


class _Walk:
    def __init__(self, document: Document, table: Mapping[str, Availability]) -> None:
        self._document = document
        self._table = table
        self._left = _MAX_SITES

    def below(self, node: AnyNode, path: tuple[str, ...]) -> Iterator[ExpressionSite]:
        target = node.target if isinstance(node, Alias) else node
        self._left -= 1
        if self._left < 0:
            return
        if isinstance(target, Scalar):
            yield from self._site(target, path)
        elif isinstance(target, Sequence):
            for item in target.items:
                yield from self.below(item, path)
        else:
            named = ".".join(path) in _NAMED
            for entry in target.entries:
                key = entry.key.value
                if OPEN in key:
                    yield from self._site(entry.key, (*path, "${{}}"))
                # The steps of a `parallel` step are steps.
                is_group = key == "parallel" and path[-1:] == ("steps",)
                yield from self.below(entry.value, path if is_group else (*path, "*" if named else key))

    def _site(self, scalar: Scalar, path: tuple[str, ...]) -> Iterator[ExpressionSite]:
        available = availability(path, self._table)
        is_condition = path[-1:] == ("if",) and available is not None and "always" in available.functions
        if is_condition or OPEN in scalar.value:
            yield ExpressionSite(self._document, scalar, path, available, is_condition)
