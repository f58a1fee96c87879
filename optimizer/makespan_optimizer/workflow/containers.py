"""`container` and `services` of a job."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan_optimizer.expressions.templates import OPEN
from makespan_optimizer.workflow.fields import Fields, canonical, scalar_text, span
from makespan_optimizer.workflow.places import OtherKey, Pairs, Span
from makespan_optimizer.yaml.nodes import AnyNode, Document, Mapping, Scalar, resolved

_KEYS = ("image", "credentials", "env", "ports", "volumes", "options", "entrypoint", "command")


@dataclass(frozen=True, slots=True)
class Container:
    """A container that steps or a service run in.

    Attributes:
        canonical: Equal for equal values, whatever their style.
        image: With its expressions; None where it is not written (GitHub then runs without a container).
        credentials: `username` and `password`, with their expressions.
        volumes: `source:target`, as written; the same for ports.
        entrypoint: Of services only; the same for `command`.
        others: Keys without a field here.
    """

    canonical: str
    image: str | None
    credentials: Pairs
    env: Pairs
    ports: tuple[str, ...]
    volumes: tuple[str, ...]
    options: str | None
    entrypoint: str | None
    command: str | None
    others: tuple[OtherKey, ...]
    span: Span = field(compare=False)

    @property
    def is_computed(self) -> bool:
        """Whether an expression decides which image runs, or whether any does."""
        return self.image is not None and OPEN in self.image


@dataclass(frozen=True, slots=True)
class Services:
    """`services` of a job: name and container of each; no names where one expression yields them all."""

    canonical: str
    containers: tuple[tuple[str, Container], ...]
    is_computed: bool
    span: Span = field(compare=False)


def read_container(fields: Fields) -> Container | None:
    """Read `container` of a job."""
    node = fields.value("container")
    return None if node is None else _container(fields.document, node, f"'container' of {fields.what}")


def read_services(fields: Fields) -> Services | None:
    """Read `services` of a job."""
    node, text = fields.value("services"), fields.canonical("services")
    if node is None or text is None:
        return None
    target, place = resolved(node), span(fields.document, node)
    if isinstance(target, Scalar) and OPEN in target.value:
        return Services(text, (), is_computed=True, span=place)
    inner = fields.mapping("services")
    containers = tuple(
        (entry.key.value, _container(fields.document, entry.value, f"service {entry.key.value!r}"))
        for entry in (() if inner is None else inner.entries)
    )
    return Services(text, containers, is_computed=False, span=place)


def _container(document: Document, node: AnyNode, what: str) -> Container:
    target = resolved(node)
    if not isinstance(target, Mapping):
        image = scalar_text(document, node, what)
        place = span(document, node)
        return Container(canonical(node), image, (), (), (), (), None, None, None, (), place)
    fields = Fields(document, target, what)
    return Container(
        canonical=canonical(node),
        image=fields.text("image"),
        credentials=fields.pairs("credentials"),
        env=fields.pairs("env"),
        ports=tuple(word for word, _ in fields.words("ports")),
        volumes=tuple(word for word, _ in fields.words("volumes")),
        options=fields.text("options"),
        entrypoint=fields.text("entrypoint"),
        command=fields.text("command"),
        others=fields.others(_KEYS),
        span=span(document, node),
    )
