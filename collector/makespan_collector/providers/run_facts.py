"""What the rows of one run have in common, and how times that cannot be are mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from makespan_collector.providers.payload import PayloadError
from makespan_model.identity import RunIdentity

_TOLERATED_BACKWARDS_NS = 60 * 1_000_000_000
"""Providers stamp start and end on different machines, in whole seconds: skipped jobs "end" a second early."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run, as far as its every row says so.

    Attributes:
        source: Who said so, of `rows.PROVIDER_SOURCES`.
        change: The pull or merge request's number.
    """

    identity: RunIdentity
    pipeline: str
    source: str
    ref: str | None = None
    commit: str | None = None
    event: str | None = None
    actor: str | None = None
    change: str | None = None

    def columns(self) -> dict[str, Any]:
        """The columns of `SpanRow` that hold them."""
        return {
            "trace_id": self.identity.trace_id,
            "provider": self.identity.provider,
            "repository": self.identity.repository,
            "run_id": self.identity.run_id,
            "attempt": self.identity.attempt,
            "pipeline": self.pipeline,
            "source": self.source,
            "ref": self.ref,
            "commit": self.commit,
            "event": self.event,
            "actor": self.actor,
            "change": self.change,
        }


def not_before(start_ns: int, end_ns: int, place: str) -> int:
    """The end, or the start where it lies a little before it.

    Raises:
        PayloadError: It lies more than a minute before it.
    """
    if start_ns - end_ns > _TOLERATED_BACKWARDS_NS:
        raise PayloadError(f"{place}: it ends {(start_ns - end_ns) / 1e9:.0f} s before it starts")
    return max(start_ns, end_ns)
