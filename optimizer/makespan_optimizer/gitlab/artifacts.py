"""`artifacts:` of a job."""

from __future__ import annotations

from dataclasses import dataclass

from makespan_optimizer.gitlab.fields import Fields
from makespan_optimizer.gitlab.values import Place, Table, Text, Value, flattened

_KEYS = (
    "name", "untracked", "paths", "reports", "when", "expire_in", "expose_as", "exclude", "public", "access",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What a job leaves behind.

    Attributes:
        reports: Kind of report and its paths; of `coverage_report`, the path.
        when: When they are kept: `on_success`, `on_failure` or `always`.
        expire_in: As written; None for the instance's default.
        public: None when not said.
    """

    name: str | None
    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    reports: tuple[tuple[str, tuple[str, ...]], ...]
    untracked: bool
    when: str
    expire_in: str | None
    expose_as: str | None
    public: bool | None
    access: str | None
    place: Place

    @property
    def is_handed_over(self) -> bool:
        """Whether later jobs may download something: files, or the variables of a dotenv report."""
        return bool(self.paths) or self.untracked or any(kind == "dotenv" for kind, _ in self.reports)


def read_artifacts(fields: Fields) -> Artifacts | None:
    """The artifacts of a job; None when absent."""
    parts = fields.nested("artifacts")
    if parts is None:
        return None
    parts.expect(_KEYS)
    nested = parts.nested("reports")
    reports = () if nested is None else nested.table.entries.items()
    return Artifacts(
        name=parts.text("name"),
        paths=parts.texts("paths") or (),
        exclude=parts.texts("exclude") or (),
        reports=tuple((kind, _report(value)) for kind, value in reports),
        untracked=parts.boolean("untracked") is True,
        when=parts.one_of("when", ("on_success", "on_failure", "always")) or "on_success",
        expire_in=parts.text("expire_in"),
        expose_as=parts.text("expose_as"),
        public=parts.boolean("public"),
        access=parts.one_of("access", ("none", "developer", "maintainer", "all")),
        place=parts.table.place,
    )


def _report(value: Value) -> tuple[str, ...]:
    if isinstance(value, Table):
        return tuple(text for inner in value.entries.values() for text in _report(inner))
    return tuple(item.text for item in flattened(value) if isinstance(item, Text) and not item.is_null)
