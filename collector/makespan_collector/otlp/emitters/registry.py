"""Every emitter that is understood, the most specific first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from makespan_collector.otlp.attributes import Attributes
from makespan_collector.otlp.emitters import cicd_action, conventions, github_receiver, gitlab_exporter, jenkins
from makespan_collector.otlp.emitters.emitter import Emitter

EMITTERS: Final = (
    github_receiver.EMITTER,
    cicd_action.EMITTER,
    jenkins.EMITTER,
    gitlab_exporter.EMITTER,
    conventions.EMITTER,
)
BY_NAME: Final[Mapping[str | None, Emitter]] = {emitter.name: emitter for emitter in EMITTERS}
"""By `SpanRow.source`."""

_BY_RESOURCE: Final = EMITTERS[:-1]


def emitter_of(resource: Attributes, scope: str, own: Attributes) -> Emitter | None:
    """Whose span it is, if it is an emitter's.

    Args:
        resource: Attributes of its resource.
        scope: Name of its instrumentation scope.
        own: Its own attributes.
    """
    return next((emitter for emitter in EMITTERS if emitter.recognises(resource, scope, own)), None)


def emits(resource: Attributes, scope: str) -> bool:
    """Whether all spans of this resource and scope are an emitter's, whatever they say themselves."""
    return any(emitter.recognises(resource, scope, {}) for emitter in _BY_RESOURCE)
