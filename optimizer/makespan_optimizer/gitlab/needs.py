"""`needs:` of a job or a rule."""

from __future__ import annotations

from dataclasses import dataclass

from makespan_optimizer.gitlab.fields import Fields
from makespan_optimizer.gitlab.parallel import MatrixRow, read_matrix
from makespan_optimizer.gitlab.values import Items, Place, Table, Text, Value


@dataclass(frozen=True, slots=True)
class Need:
    """One entry.

    Attributes:
        job: The job needed, as written; None only where a trigger job needs a whole upstream pipeline.
        artifacts: Whether its artifacts are downloaded.
        optional: Whether the job may be absent from the pipeline.
        matrix: Which legs of a matrix are needed; empty for all.
        project: Another project's job (with `ref`), whose artifacts are downloaded.
        pipeline: Another pipeline: a job of the parent's, or the upstream one a trigger job mirrors.
    """

    job: str | None
    artifacts: bool
    optional: bool
    matrix: tuple[MatrixRow, ...]
    project: str | None
    ref: str | None
    pipeline: str | None
    place: Place

    @property
    def is_local(self) -> bool:
        """Whether this names a job of the same pipeline, and so orders the two."""
        return self.project is None and self.pipeline is None


def read_needs(fields: Fields) -> tuple[Need, ...] | None:
    """The needs of a job or a rule; None when it has no `needs` (an empty list means "start at once")."""
    value = fields.value("needs")
    if value is None:
        return None
    items = value.items if isinstance(value, Items) else (value,)
    return tuple(need for item in items for need in _need(fields, item))


def _need(fields: Fields, item: Value) -> tuple[Need, ...]:
    if isinstance(item, Items):
        # What `!reference` brings is a list in a list; GitLab's own check refuses it.
        raise item.place.error(f"'needs' of {fields.what} holds a list in a list")
    if isinstance(item, Text) and not item.is_null:
        return (Need(item.text, True, False, (), None, None, None, item.place),)
    if not isinstance(item, Table):
        raise item.place.error(f"an entry of 'needs' of {fields.what} must be a job's name or a mapping")
    parts = fields.of(item, f"a need of {fields.what}")
    parts.expect(("job", "artifacts", "optional", "parallel", "project", "ref", "pipeline"))
    job, project, pipeline = parts.text("job"), parts.text("project"), parts.text("pipeline")
    if job is None and pipeline is None and "job" not in parts:
        raise item.place.error(f"a need of {fields.what} names neither a job nor a pipeline")
    matrix: tuple[MatrixRow, ...] = ()
    parallel = parts.value("parallel")
    if parallel is not None:
        inner = parts.nested("parallel") if isinstance(parallel, Table) else None
        if inner is None:
            raise parallel.place.error(f"'parallel' of a need of {fields.what} takes a matrix only")
        matrix = read_matrix(inner)
    return (
        Need(
            job=job,
            artifacts=parts.boolean("artifacts") is not False,
            optional=parts.boolean("optional") is True,
            matrix=matrix,
            project=project,
            ref=parts.text("ref"),
            pipeline=pipeline,
            place=item.place,
        ),
    )
