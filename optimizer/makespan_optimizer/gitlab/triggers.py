"""`trigger:`: the pipeline a job starts."""

from __future__ import annotations

from dataclasses import dataclass

from makespan_optimizer.gitlab.fields import Fields
from makespan_optimizer.gitlab.includes import Include, read_includes
from makespan_optimizer.gitlab.values import Place, Table, plain


@dataclass(frozen=True, slots=True)
class Trigger:
    """A child pipeline (`includes`) or another project's (`project`).

    Attributes:
        strategy: `depend` or `mirror`: the job then lasts as long as that pipeline; None to go on at once.
        forward_yaml_variables: Whether the job's variables are passed on.
        forward_pipeline_variables: Whether the variables of whoever started the pipeline are.
        inputs: As plain data; None when absent.
    """

    project: str | None
    branch: str | None
    includes: tuple[Include, ...]
    strategy: str | None
    forward_yaml_variables: bool
    forward_pipeline_variables: bool
    inputs: object
    place: Place

    @property
    def waits(self) -> bool:
        """Whether the job ends only with the pipeline it starts."""
        return self.strategy is not None


def read_trigger(fields: Fields) -> Trigger | None:
    """What a job triggers; None when it triggers nothing."""
    value = fields.value("trigger")
    if value is None:
        return None
    if not isinstance(value, Table):
        return Trigger(fields.needed("trigger"), None, (), None, True, False, None, value.place)
    parts = fields.of(value, f"'trigger' of {fields.what}")
    parts.expect(("project", "branch", "include", "strategy", "forward", "inputs"))
    includes = read_includes(parts)
    project = parts.text("project")
    if (project is None) == (not includes) and not parts.unknown:
        raise value.place.error(f"{parts.what} must have either a 'project' or an 'include'")
    forward = parts.nested("forward")
    inputs = parts.nested("inputs")
    return Trigger(
        project=project,
        branch=parts.text("branch"),
        includes=includes,
        strategy=parts.one_of("strategy", ("depend", "mirror")),
        forward_yaml_variables=forward is None or forward.boolean("yaml_variables") is not False,
        forward_pipeline_variables=forward is not None and forward.boolean("pipeline_variables") is True,
        inputs=None if inputs is None else plain(inputs.table),
        place=value.place,
    )
