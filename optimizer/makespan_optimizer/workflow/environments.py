"""`environment` of a job: where it deploys to, with the approvals that hang on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan_optimizer.expressions.values import Unknown
from makespan_optimizer.workflow.fields import Fields, scalar_text, span
from makespan_optimizer.workflow.places import OtherKey, Span
from makespan_optimizer.workflow.scalars import static_flag
from makespan_optimizer.yaml.nodes import Mapping, resolved


@dataclass(frozen=True, slots=True)
class DeploymentEnvironment:
    """A deployment environment.

    Attributes:
        canonical: Equal for equal values, whatever their style.
        name: With its expressions; None where nothing is written below the key.
        url: Of the deployment, with its expressions.
        records_deployment: Whether GitHub makes a deployment of the job (`deployment: false` uses the environment's
            secrets and approvals alone).
        others: Keys without a field here.
    """

    canonical: str
    name: str | None
    url: str | None
    records_deployment: bool | Unknown
    others: tuple[OtherKey, ...]
    span: Span = field(compare=False)


def read_environment(fields: Fields) -> DeploymentEnvironment | None:
    """Read `environment`, a name or a mapping.

    Raises:
        WorkflowError: No environment is named.
    """
    node, canonical = fields.value("environment"), fields.canonical("environment")
    if node is None or canonical is None:
        return None
    place = span(fields.document, node)
    if not isinstance(resolved(node), Mapping):
        name = scalar_text(fields.document, node, f"'environment' of {fields.what}")
        return DeploymentEnvironment(canonical, name, None, records_deployment=True, others=(), span=place)
    inner = fields.mapping("environment")
    assert inner is not None
    if "name" not in inner:
        raise fields.document.error(f"'environment' of {fields.what} has no 'name'", node.start)
    return DeploymentEnvironment(
        canonical=canonical,
        name=inner.text("name"),
        url=inner.text("url"),
        records_deployment=static_flag(inner.text("deployment"), default=True),
        others=inner.others(("name", "url", "deployment")),
        span=place,
    )
