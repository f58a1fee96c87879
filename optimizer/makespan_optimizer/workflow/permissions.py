"""`permissions` of a workflow or a job: what its token may do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from makespan_model.matching import did_you_mean
from makespan_optimizer.workflow.fields import Fields, scalar_text, span
from makespan_optimizer.workflow.places import OtherKey, Span
from makespan_optimizer.yaml.nodes import Scalar, resolved

SCOPES = frozenset(
    {
        "actions",
        "artifact-metadata",
        "attestations",
        "checks",
        "code-quality",
        "contents",
        "copilot-requests",
        "deployments",
        "discussions",
        "drives",
        "id-token",
        "issues",
        "models",
        "packages",
        "pages",
        "pull-requests",
        "repository-projects",
        "security-events",
        "statuses",
        "vulnerability-alerts",
    }
)
"""Scopes of the token that GitHub documents ("Permissions for the GITHUB_TOKEN")."""

Level = Literal["none", "read", "write"]
_LEVELS: dict[str, Level] = {"none": "none", "read": "read", "write": "write"}
_SHORTHANDS: dict[str, Level] = {"read-all": "read", "write-all": "write"}


@dataclass(frozen=True, slots=True)
class Permissions:
    """Permissions as written; a scope that is not written has `rest`.

    Attributes:
        canonical: Equal for equal values, whatever their style.
        scopes: Scope and level, in the order written.
        rest: `none` for a mapping (also an empty one), else what `read-all` or `write-all` says.
        others: Those of the scopes that GitHub does not document.
    """

    canonical: str
    scopes: tuple[tuple[str, Level], ...]
    rest: Level
    others: tuple[OtherKey, ...]
    span: Span = field(compare=False)

    def level(self, scope: str) -> Level:
        """The level of a scope such as `contents`."""
        return next((level for name, level in self.scopes if name == scope), self.rest)

    def may_write(self, scopes: Collection[str]) -> bool:
        """Whether any of some scopes may be written to."""
        return any(self.level(scope) == "write" for scope in scopes)


def read_permissions(fields: Fields) -> Permissions | None:
    """Read `permissions`; None where the next outer ones, or the repository's default, hold.

    Raises:
        WorkflowError: An unknown level.
    """
    node, canonical = fields.value("permissions"), fields.canonical("permissions")
    if node is None or canonical is None:
        return None
    target, place = resolved(node), span(fields.document, node)
    if isinstance(target, Scalar) and not target.is_null:
        rest = _SHORTHANDS.get(target.value)
        if rest is None:
            raise fields.document.error(
                f"'permissions' of {fields.what} must be a mapping, read-all or write-all, not {target.value!r}",
                node.start,
            )
        return Permissions(canonical, (), rest, (), place)
    inner = fields.mapping("permissions")
    scopes = []
    for entry in () if inner is None else inner.entries:
        text = scalar_text(fields.document, entry.value, f"permission {entry.key.value!r}")
        level = _LEVELS.get(text or "")
        if level is None:
            hint = did_you_mean(text or "", list(_LEVELS))
            raise fields.document.error(
                f"permission {entry.key.value!r} must be read, write or none, not {text!r}{hint}", entry.value.start
            )
        scopes.append((entry.key.value, level))
    others = () if inner is None else inner.others(SCOPES)
    return Permissions(canonical, tuple(scopes), "none", others, place)
