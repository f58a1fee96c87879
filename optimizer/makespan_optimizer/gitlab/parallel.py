"""`parallel:`: a number of equal jobs, or one job for every combination of a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

from makespan_optimizer.gitlab.fields import Fields, Unknown
from makespan_optimizer.gitlab.values import Place, Reference, Table, Text, flattened

# GitLab's Entry::Product::Parallel::PARALLEL_LIMIT.
MAX_JOBS = 200


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One entry of `matrix`: every combination of these values is a job."""

    variables: tuple[tuple[str, tuple[str, ...]], ...]
    place: Place

    def combinations(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Variables of each job, the last variable changing fastest."""
        names = [name for name, _ in self.variables]
        return tuple(
            tuple(zip(names, values, strict=True)) for values in product(*(values for _, values in self.variables))
        )


@dataclass(frozen=True, slots=True)
class Parallel:
    """How a job is multiplied.

    Attributes:
        total: The number under `parallel`; None for a matrix.
        rows: The matrix; empty for a number.
    """

    total: int | None
    rows: tuple[MatrixRow, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Leg:
    """One of the jobs `parallel` makes.

    Attributes:
        name: GitLab's name: `test 1/3`, or `test: [a, b]`.
        index: 1-based, CI_NODE_INDEX.
        total: CI_NODE_TOTAL.
        variables: The values of a matrix.
    """

    name: str
    index: int
    total: int
    variables: tuple[tuple[str, str], ...]


def read_parallel(fields: Fields) -> Parallel | None:
    """`parallel` of a job; None when absent."""
    value = fields.value("parallel")
    if value is None:
        return None
    if not isinstance(value, Table):
        total = fields.integer("parallel", 1, MAX_JOBS)
        return Parallel(total, (), value.place)
    inner = fields.of(value, f"'parallel' of {fields.what}")
    inner.expect(("matrix",))
    return Parallel(None, read_matrix(inner), value.place)


def read_matrix(fields: Fields) -> tuple[MatrixRow, ...]:
    """The rows under `matrix`.

    Raises:
        WorkflowError: No matrix, an empty row, or more than 200 jobs.
    """
    rows = []
    for item in fields.list_of("matrix"):
        for table in flattened(item):
            if isinstance(table, Reference):
                fields.unknown.append(Unknown("matrix", f"{table} lies in a file that was not read", table.place))
                continue
            if not isinstance(table, Table) or not table.entries:
                raise table.place.error(f"a row of the matrix in {fields.what} must be a mapping with a variable")
            rows.append(_row(fields, table))
    if not rows and not isinstance(fields.table.get("matrix"), Reference) and not fields.unknown:
        raise fields.place("matrix").error(f"{fields.what} has no 'matrix' with a row")
    jobs = sum(prod(len(values) for _, values in row.variables) for row in rows)
    if jobs > MAX_JOBS:
        raise fields.place("matrix").error(f"the matrix in {fields.what} makes {jobs} jobs; GitLab allows {MAX_JOBS}")
    return tuple(rows)


def legs(name: str, parallel: Parallel) -> tuple[Leg, ...]:
    """The jobs `parallel` makes of a job, named as GitLab names them.

    Source: GitLab's Gitlab::Ci::Config::Normalizer (NumberStrategy, MatrixStrategy).
    """
    if parallel.total is not None:
        total = parallel.total
        return tuple(Leg(f"{name} {index}/{total}", index, total, ()) for index in range(1, total + 1))
    combinations = [combination for row in parallel.rows for combination in row.combinations()]
    return tuple(
        Leg(f"{name}: [{', '.join(value for _, value in combination)}]", index, len(combinations), combination)
        for index, combination in enumerate(combinations, 1)
    )


def leg_names(name: str, rows: tuple[MatrixRow, ...]) -> tuple[str, ...]:
    """The names of the legs that `needs:parallel:matrix` picks."""
    return tuple(
        f"{name}: [{', '.join(value for _, value in combination)}]"
        for row in rows
        for combination in row.combinations()
    )


def _row(fields: Fields, table: Table) -> MatrixRow:
    inner = fields.of(table, f"a row of the matrix in {fields.what}")
    variables = []
    for name, value in table.entries.items():
        # Only texts in one list: GitLab flattens nothing here, but `!reference` may bring a list.
        if isinstance(value, Table):
            raise value.place.error(f"{name!r} of {inner.what} must be a text or a list of texts")
        texts = (value.text,) if isinstance(value, Text) else inner.texts(name) or ()
        variables.append((name, texts))
    return MatrixRow(tuple(variables), table.place)
